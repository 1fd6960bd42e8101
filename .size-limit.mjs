// What a visitor downloads before anything happens: everything that index.html loads at once, and each worker apart.

import { readFileSync } from 'node:fs'

const page = readFileSync(new URL('dist/index.html', import.meta.url), 'utf8')
const entry = [...page.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g)].map(([, path]) => `dist/${path}`)

export default [
  { name: 'entry', path: entry, limit: '60 kB', gzip: true },
  { name: 'compress worker', path: 'dist/assets/compress.worker-*.js', limit: '110 kB', gzip: true },
  { name: 'engine worker', path: 'dist/assets/engine.worker-*.js', limit: '80 kB', gzip: true },
]

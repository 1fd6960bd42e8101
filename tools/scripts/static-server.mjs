// @ts-check
// Serves a folder over plain http on this machine, the way the page expects to be hosted: cross-origin isolated, under the strict
// content security policy, with the right media types. Isolation can be left out to see the page as a header-less host shows it.

import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, resolve, sep } from 'node:path'

/** @type {Record<string, string>} */
const MEDIA_TYPES = {
  '.bin': 'application/octet-stream',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
}

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/**
 * The file that a request path means, or undefined: nothing outside the folder, hidden files neither.
 * @param {string} folder an absolute path without links
 * @param {string} url
 */
async function findFile(folder, url) {
  const path = decodePath(url)
  if (path === undefined || path.includes('\0') || path.split(/[/\\]/).some((part) => part.startsWith('.')))
    return undefined
  try {
    const wanted = await realpath(join(folder, path.endsWith('/') ? `${path}index.html` : path))
    if (!wanted.startsWith(folder + sep)) return undefined
    const facts = await stat(wanted)
    return facts.isFile() ? { path: wanted, sizeBytes: facts.size } : undefined
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}

/** @param {string} url */
function decodePath(url) {
  try {
    return decodeURIComponent(new URL(url, 'http://localhost').pathname)
  } catch (error) {
    if (error instanceof URIError || error instanceof TypeError) return undefined
    throw error
  }
}

/**
 * Starts serving and resolves once the server listens; the address ends in a slash.
 * @param {string} folder
 * @param {{ port?: number, host?: string, isIsolated?: boolean }} [options] port 0 (the default) takes a free one
 * @returns {Promise<{ address: string, close: () => Promise<void> }>}
 */
export async function serveFolder(folder, { port = 0, host = '127.0.0.1', isIsolated = true } = {}) {
  const root = await realpath(resolve(folder))
  const server = createServer((request, response) => {
    answer(root, isIsolated, request, response).catch((error) => response.destroy(error))
  })
  await new Promise((done, failed) => {
    server.once('error', failed)
    server.listen(port, host, () => done(undefined))
  })
  const bound = server.address()
  const name = host === '127.0.0.1' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return {
    address: `http://${name}:${bound && typeof bound === 'object' ? bound.port : port}/`,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

/**
 * @param {string} root
 * @param {boolean} isIsolated
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function answer(root, isIsolated, request, response) {
  const headers = {
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    ...(isIsolated ? ISOLATION : {}),
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...headers, Allow: 'GET, HEAD' }).end()
    return
  }
  const file = await findFile(root, request.url ?? '/')
  if (!file) {
    response.writeHead(404, { ...headers, 'Content-Type': 'text/plain; charset=utf-8' }).end('Not found.\n')
    return
  }
  // Vite puts a hash of the contents into the names below assets/.
  const isHashed = file.path.startsWith(join(root, 'assets') + sep)
  response.writeHead(200, {
    ...headers,
    'Content-Type': MEDIA_TYPES[extname(file.path).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': file.sizeBytes,
    'Cache-Control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
  })
  if (request.method === 'HEAD') response.end()
  else
    createReadStream(file.path)
      .on('error', (error) => response.destroy(error))
      .pipe(response)
}

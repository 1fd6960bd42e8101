import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

import { ROOT, projectFiles } from './project-files'

/** Inline links and images to places in this repository: `[text](path#heading)`. */
const LINK = /\]\((?!https?:|mailto:|data:)([^)\s]*)\)/g
const FENCE = /^(```|~~~)[^]*?^\1/gm

/** How GitHub names the anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')

const documents = projectFiles().filter((path) => path.endsWith('.md'))
const anchors = (path: string): string[] =>
  [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))

test.each(documents)('every link of %s leads somewhere', (document) => {
  const text = readFileSync(join(ROOT, document), 'utf8').replace(FENCE, '')
  const broken = [...text.matchAll(LINK)].flatMap(([, link = '']) => {
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? document : join(dirname(document), decodeURI(path))
    if (!existsSync(join(ROOT, target))) return [link]
    return anchor !== undefined && target.endsWith('.md') && !anchors(target).includes(anchor) ? [link] : []
  })
  expect(broken).toEqual([])
})

/** Repository paths in backticks: a folder of ours, then something with an extension or a trailing slash. */
const PATH = /`((?:src|workers|tests|tools|docs|public)\/[\w./-]*(?:\.\w+|\/))`/g

test.each(documents.filter((path) => path !== 'CHANGELOG.md'))('every path that %s names is there', (document) => {
  const text = readFileSync(join(ROOT, document), 'utf8').replace(FENCE, '')
  const missing = [...text.matchAll(PATH)].map(([, path = '']) => path).filter((path) => !existsSync(join(ROOT, path)))
  expect(missing).toEqual([])
})

// The server behind `npm start` and the browser journeys: headers, media types, and nothing from outside its folder.

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serveFolder } from '../../tools/scripts/static-server.mjs'

let base: string
let isolated: Awaited<ReturnType<typeof serveFolder>>
let bare: Awaited<ReturnType<typeof serveFolder>>

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'lathe-server-'))
  const site = join(base, 'site')
  await mkdir(join(site, 'assets'), { recursive: true })
  await writeFile(join(base, 'secret.txt'), 'secret')
  await writeFile(join(site, 'index.html'), '<!doctype html>')
  await writeFile(join(site, '.built'), 'hidden')
  await writeFile(join(site, 'assets', 'a-1234.wasm'), new Uint8Array([0, 0x61, 0x73, 0x6d]))
  await symlink(join(base, 'secret.txt'), join(site, 'link.txt'))
  isolated = await serveFolder(site)
  bare = await serveFolder(site, { isIsolated: false })
})
afterAll(async () => {
  await Promise.all([isolated.close(), bare.close()])
  await rm(base, { recursive: true })
})

/** `fetch` tidies `..` out of an address, so the path goes over the wire as it stands. */
function statusOf(address: string, path: string, method = 'GET'): Promise<number | undefined> {
  const { hostname, port } = new URL(address)
  return new Promise((done, failed) => {
    request({ hostname, port, path, method }, (response) => {
      response.resume()
      done(response.statusCode)
    })
      .on('error', failed)
      .end()
  })
}

describe('the local server', () => {
  it('serves the start page isolated and under the content security policy', async () => {
    const response = await fetch(isolated.address)
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('<!doctype html>')
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(response.headers.get('cross-origin-opener-policy')).toBe('same-origin')
    expect(response.headers.get('cross-origin-embedder-policy')).toBe('require-corp')
    expect(response.headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(response.headers.get('cache-control')).toBe('no-cache')
  })

  it('leaves the isolation headers out on demand, and only those', async () => {
    const response = await fetch(bare.address)
    expect(response.headers.get('cross-origin-opener-policy')).toBeNull()
    expect(response.headers.get('cross-origin-embedder-policy')).toBeNull()
    expect(response.headers.get('content-security-policy')).toContain("connect-src 'self'")
  })

  it('serves WebAssembly with its media type, cached for good because its name holds a hash', async () => {
    const response = await fetch(`${isolated.address}assets/a-1234.wasm?x=1`)
    expect(response.headers.get('content-type')).toBe('application/wasm')
    expect(response.headers.get('content-length')).toBe('4')
    expect(response.headers.get('cache-control')).toContain('immutable')
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([0, 0x61, 0x73, 0x6d]))
  })

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/..%5c..%5c..%5csecret.txt',
    '/link.txt',
  ])('does not serve %s, which leads out of the folder', async (path) =>
    expect(await statusOf(isolated.address, path)).toBe(404),
  )

  it.each(['/.built', '/missing.js', '/assets', '/%00', '/%'])('answers 404 to %s', async (path) =>
    expect(await statusOf(isolated.address, path)).toBe(404),
  )

  it('answers HEAD without a body and refuses to be written to', async () => {
    expect(await statusOf(isolated.address, '/', 'HEAD')).toBe(200)
    expect(await statusOf(isolated.address, '/', 'POST')).toBe(405)
  })
})

import { link, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { resolveTarget, writeAtomically } from '../../src/cli/atomic-file'

let folder: string
const at = (name: string): string => join(folder, name)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lathe-atomic-'))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

describe('writing a file atomically', () => {
  it('joins the parts and leaves nothing else', async () => {
    await writeAtomically(at('out'), [bytes('one '), bytes(''), bytes('two')])
    expect(await readFile(at('out'), 'utf8')).toBe('one two')
    expect(await readdir(folder)).toEqual(['out'])
  })

  it('takes the place of the old file only when everything is written', async () => {
    await writeFile(at('out'), 'old')
    await link(at('out'), at('hold'))
    function* parts() {
      yield bytes('new')
      throw new Error('the disk is full')
    }
    await expect(writeAtomically(at('out'), parts())).rejects.toThrow('the disk is full')
    expect(await readdir(folder)).toEqual(['hold', 'out'])
    expect(await readFile(at('out'), 'utf8')).toBe('old')
    await writeAtomically(at('out'), [bytes('new')])
    // Another inode: whoever still reads the old file is not disturbed.
    expect(await readFile(at('hold'), 'utf8')).toBe('old')
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('removes what was written when %s ends the process', async (signal, status) => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never)
    function* parts() {
      yield bytes('half')
      process.emit(signal)
      throw new Error('ended')
    }
    await expect(writeAtomically(at('out'), parts())).rejects.toThrow()
    expect(exit).toHaveBeenCalledWith(status)
    expect(await readdir(folder)).toEqual([])
    expect(process.listenerCount(signal)).toBe(0)
  })
})

describe('the place of an output', () => {
  it('follows a link, so that it stays one', async () => {
    await writeFile(at('file'), '')
    await symlink(at('file'), at('link'))
    expect(await resolveTarget(at('link'))).toBe(at('file'))
  })

  it.each([
    ['/dev/null', 'is a device'],
    [tmpdir(), 'is a folder'],
    ['/no/such/folder/x', 'does not exist'],
  ])('refuses %s, which %s', async (path, reason) => {
    await expect(resolveTarget(path)).rejects.toThrow(reason)
  })
})

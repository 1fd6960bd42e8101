// Runs the built command line as a process of its own, as a person or a script does.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { BUILDS, buildWhenStale, REPOSITORY } from '../../tools/scripts/build-when-stale.mjs'

export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Call it before the first `lathe`. */
export const buildLathe = (): Promise<void> => buildWhenStale(BUILDS.cli)

export function lathe(...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [join(REPOSITORY, 'dist-cli/lathe.mjs'), ...args], { cwd: REPOSITORY })
  const text = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()))
  return new Promise((done, failed) => {
    child.once('error', failed)
    child.once('close', (status) => done({ status, ...text }))
  })
}

/** The JSON answer of a command that must succeed without a word on standard error. */
export async function latheJson(...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await lathe(...args, '--json')
  if (status !== 0 || stderr !== '') throw new Error(`lathe ${args.join(' ')} ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

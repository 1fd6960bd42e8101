// One engine's bench in a process of its own (`bench-process.ts`).

import { fork } from 'node:child_process'
import { join } from 'node:path'
import { fromWireError, LabError, type WireError } from '../../core/errors/lab-error'
import type { Terminal } from '../terminal'
import type { BenchArguments, EngineBench } from './bench-here'

export interface BenchOrder {
  readonly engine: string
  readonly args: BenchArguments
  readonly repository: string
}
export type BenchMessage =
  | { readonly kind: 'progress'; readonly fraction: number; readonly what: string }
  | { readonly kind: 'done'; readonly bench: EngineBench }
  | { readonly kind: 'failed'; readonly error: WireError }

/** Throws what the bench throws, and `worker/died` when the process ends without a reply. */
export function benchApart(
  engine: string,
  args: BenchArguments,
  { progress, repository }: Terminal,
): Promise<EngineBench> {
  const child = fork(join(repository, 'dist-cli', 'bench-process.mjs'), { serialization: 'advanced' })
  return new Promise((done, failed) => {
    child.on('message', (message: BenchMessage) => {
      if (message.kind === 'progress') progress.show(message.fraction, `${engine}: ${message.what}`)
      else if (message.kind === 'done') done(message.bench)
      else failed(fromWireError(message.error))
    })
    child.once('error', failed)
    // After a reply this rejection has no effect.
    child.once('exit', (code) =>
      failed(new LabError('worker/died', `The process of ${engine} ended with code ${code}.`)),
    )
    child.send({ engine, args, repository } satisfies BenchOrder)
  })
}

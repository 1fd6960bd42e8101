// A process for one engine of `lathe bench`: a process holds one WebAssembly module with one number of threads, so several engines need
// several processes. Started by `run/bench-apart.ts`, which sends one request and gets progress and one reply.

import { toWireError } from '../core/errors/lab-error'
import { benchHere } from './run/bench-here'
import type { BenchMessage, BenchOrder } from './run/bench-apart'

const tell = (message: BenchMessage): Promise<void> =>
  new Promise((done, failed) => process.send?.(message, (error: Error | null) => (error ? failed(error) : done())))

process.once('message', ({ engine, args, repository }: BenchOrder) => {
  const progress = {
    show: (fraction: number, what: string) => void tell({ kind: 'progress', fraction, what }),
    note: () => undefined,
    end: () => undefined,
  }
  benchHere(engine, args, { progress, repository })
    .then(
      (bench) => tell({ kind: 'done', bench }),
      (error: unknown) => tell({ kind: 'failed', error: toWireError(error) }),
    )
    .finally(() => process.exit())
})

// A process for one engine of `lathe bench`: a process holds one WebAssembly module with one number of threads, so several engines need
// several processes. Started by `run/bench-apart.ts`, which sends one request and gets progress and one reply.

import { answer, tell } from './ask-process'
import { benchHere } from './run/bench-here'
import type { BenchOrder } from './run/bench-apart'

process.once('message', ({ engine, args, repository }: BenchOrder) => {
  const progress = {
    show: (fraction: number, what: string) => void tell({ kind: 'progress', fraction, what }),
    note: () => undefined,
    end: () => undefined,
  }
  void answer(benchHere(engine, args, { progress, repository })).finally(() => process.exit())
})

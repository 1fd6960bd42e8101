// One engine's bench in a process of its own (`bench-process.ts`).

import { askProcess, startProcess } from '../ask-process'
import type { Terminal } from '../terminal'
import type { BenchArguments, EngineBench } from './bench-here'

export interface BenchOrder {
  readonly engine: string
  readonly args: BenchArguments
  readonly repository: string
}

/** Throws what the bench throws, and `worker/died` when the process ends without a reply. */
export async function benchApart(
  engine: string,
  args: BenchArguments,
  { progress, repository }: Terminal,
): Promise<EngineBench> {
  const child = startProcess(repository, 'bench-process')
  const order: BenchOrder = { engine, args, repository }
  const show = (fraction: number, what: string): void => progress.show(fraction, `${engine}: ${what}`)
  // The process answers an order with a bench.
  return (await askProcess(child, order, engine, show)) as EngineBench
}

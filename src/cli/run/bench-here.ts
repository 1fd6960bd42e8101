// One engine's bench in this process: opens the models, the laboratory, and measures.

import type { commands } from '../commands'
import type { ParsedArguments } from '../command'
import { choosePlace, parseDimensions, parseEngine } from '../engine-name'
import { openLaboratory } from '../open-laboratory'
import { openModels, type OpenedModel } from '../open-model'
import { stagedProgress } from '../progress'
import type { Terminal } from '../terminal'
import { measureBench, type Bench } from './measure-bench'

export type BenchArguments = ParsedArguments<(typeof commands)['bench']['options']>

export interface BenchFile {
  /** As it was named on the command line. */
  readonly file: string
  readonly sha256: string
  readonly sizeBytes: number
}
export interface EngineBench extends Bench {
  readonly files: readonly BenchFile[]
}

export const fileFacts = async ({ reference, sha256, sizeBytes }: OpenedModel): Promise<BenchFile> => ({
  file: reference,
  sha256: await sha256(),
  sizeBytes,
})

export async function benchHere(name: string, args: BenchArguments, terminal: Terminal): Promise<EngineBench> {
  const { data, seed, seconds, margin, where, dimension, sessions, sustained, resident } = args.options
  const engine = parseEngine(name)
  const models = await openModels(args.positionals, terminal.repository)
  const progress = stagedProgress(terminal.progress)
  const { repository } = terminal
  const request = { engine, models, data, freeDimensions: parseDimensions(dimension), seed, repository, progress }
  const laboratory = await openLaboratory(request, choosePlace(engine, where))
  try {
    const bench = await measureBench(laboratory, {
      ...{ engine: name, files: args.positionals, seconds, margin, seed, sessions },
      ...(sustained && { mode: 'sustained' }),
      ...(resident && { residency: 'gpu' }),
      selfCheck: args.options['self-check'],
      stage: (label) => progress.stage(label),
    })
    return { ...bench, files: await Promise.all(models.map(fileFacts)) }
  } finally {
    await laboratory.close()
  }
}

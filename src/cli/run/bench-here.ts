// One engine's bench in this process: opens the models, the laboratory, and measures.

import type { commands } from '../commands'
import type { ParsedArguments } from '../command'
import { choosePlace, parseDimensions, parseEngine } from '../engine-name'
import { openLaboratory } from '../laboratory'
import { openModels } from '../open-model'
import type { Terminal } from '../terminal'
import { measureBench, type Bench } from './measure-bench'

export type BenchArguments = ParsedArguments<(typeof commands)['bench']['options']>

export async function benchHere(name: string, args: BenchArguments, terminal: Terminal): Promise<Bench> {
  const { data, seed, seconds, margin, where, dimension } = args.options
  const engine = parseEngine(name)
  const models = await openModels(args.positionals, terminal.repository)
  const request = { engine, models, data, freeDimensions: parseDimensions(dimension), seed, ...terminal }
  const laboratory = await openLaboratory(request, choosePlace(engine, where))
  try {
    return await measureBench(laboratory, { engine: name, files: args.positionals, seconds, margin })
  } finally {
    await laboratory.close()
  }
}

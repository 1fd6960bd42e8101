// `lathe bench --sweep`: races one model on 1, 2, … threads, or on every engine, and ranks them by what was decided.

import { availableParallelism } from 'node:os'
import { threadSweep } from '../../measure/engine-race'
import { parseDimensions } from '../engine-name'
import { openModels } from '../open-model'
import type { Answer, Terminal } from '../terminal'
import { fileFacts, type BenchArguments } from './bench-here'
import { openSampleFile } from './bench-samples'
import { raceEnginesFor } from './race-engines'
import { sweepAnswer } from './sweep-answer'
import { describeSweep } from './sweep-text'

export async function benchSweep(args: BenchArguments, terminal: Terminal): Promise<Answer> {
  const { data, seconds, margin, seed, sweep = 'engines', where, dimension, samples } = args.options
  const [file = ''] = args.positionals
  const sampleFile = samples === undefined ? null : await openSampleFile(samples)
  const models = await openModels([file], terminal.repository)
  const engines = enginesOf(args)
  const freeDimensions = parseDimensions(dimension)
  const race = await raceEnginesFor({ file, engines, where, seconds, margin, data, freeDimensions, seed }, terminal)
  const files = await Promise.all(models.map(fileFacts))
  const settings = { seconds, margin, seed }
  const document = { files, ...sweepAnswer(race, { file, kind: sweep, data, margin }), settings, warnings: [] }
  await sampleFile?.write({ settings: { ...settings, sweep, inputs: document.inputs }, files, race })
  return { document, text: () => describeSweep(document) }
}

function enginesOf({ options: { sweep, engine, where } }: BenchArguments): readonly string[] {
  const threads = threadSweep(availableParallelism()).map(({ name }) => name)
  if (sweep === 'threads') return threads
  if (engine.length > 0) return engine
  const ends = [...new Set([threads[0], threads.at(-1)])].filter((name) => name !== undefined)
  return where === 'node' ? ends : [...ends, 'ort-webgpu']
}

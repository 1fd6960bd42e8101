// `lathe bench`: times models on one or more engines, checks the device itself where asked, and says which differences may be claimed.

import type { commands } from '../commands'
import type { Answer, Run, Terminal } from '../terminal'
import { benchApart } from './bench-apart'
import { benchHere, type BenchArguments, type EngineBench } from './bench-here'
import { completeBenchArguments } from './bench-options'
import { openSampleFile } from './bench-samples'
import { benchSweep } from './bench-sweep'
import { describeBench, type EngineSelfCheck } from './bench-text'

export const run: Run<(typeof commands)['bench']['options']> = async (given, terminal) => {
  const args = completeBenchArguments(given)
  return args.options.sweep === undefined ? benchEngines(args, terminal) : benchSweep(args, terminal)
}

async function benchEngines(args: BenchArguments, terminal: Terminal): Promise<Answer> {
  const { data, seconds, margin, seed, engine: engines, samples } = args.options
  const sampleFile = samples === undefined ? null : await openSampleFile(samples)
  const measure = engines.length > 1 ? benchApart : benchHere
  const benches: EngineBench[] = []
  for (const name of engines) benches.push(await measure(name, args, terminal))
  const [first] = benches
  const settings = { seconds, margin, seed }
  const document = {
    environment: first?.environment ?? null,
    environments: benches.map(({ environment }) => environment),
    files: first?.files ?? [],
    variants: benches.flatMap(({ variants }) => variants),
    ratios: benches.flatMap(({ ratios }) => ratios),
    races: benches.flatMap(({ race }) => race ?? []),
    selfChecks: benches.flatMap(selfCheckOf),
    inputs: {
      source: data ?? 'synthetic',
      isSynthetic: data === undefined,
      freeDimensions: first?.freeDimensions ?? {},
    },
    settings,
    warnings: benches.flatMap(({ warnings }) => warnings),
  }
  await sampleFile?.write({ settings: { ...settings, inputs: document.inputs }, engines: benches.map(samplesOf) })
  return { document, text: () => describeBench(document) }
}

const selfCheckOf = ({ engine, files: [original], selfCheck }: EngineBench): readonly EngineSelfCheck[] =>
  selfCheck ? [{ engine, file: original?.file ?? '', ...selfCheck }] : []

const samplesOf = ({ engine, environment, files, variants, raw }: EngineBench) => ({
  ...{ engine, environment, files, checks: variants },
  ...raw,
})

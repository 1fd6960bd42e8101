// `lathe bench`: times models on one or more engines, and says which differences may be claimed.

import type { commands } from '../commands'
import { choosePlace, DEFAULT_ENGINE, parseDimensions, parseEngine } from '../engine-name'
import type { Run } from '../terminal'
import { benchApart } from './bench-apart'
import { benchHere } from './bench-here'
import { describeBench } from './bench-text'
import type { Bench } from './measure-bench'

export const run: Run<(typeof commands)['bench']['options']> = async (args, terminal) => {
  const { data, seconds, margin, seed, engine, where, dimension } = args.options
  const engines = engine.length > 0 ? engine : [DEFAULT_ENGINE]
  // Mistakes show before anything is read or started.
  for (const name of engines) choosePlace(parseEngine(name), where)
  parseDimensions(dimension)
  const measure = engines.length > 1 ? benchApart : benchHere
  const benches: Bench[] = []
  for (const name of engines) benches.push(await measure(name, args, terminal))
  const [first] = benches
  const document = {
    environment: first?.environment ?? null,
    environments: benches.map(({ environment }) => environment),
    variants: benches.flatMap(({ variants }) => variants),
    ratios: benches.flatMap(({ ratios }) => ratios),
    selfChecks: benches.flatMap(({ selfCheck }) => selfCheck ?? []),
    inputs: {
      source: data ?? 'synthetic',
      isSynthetic: data === undefined,
      freeDimensions: first?.freeDimensions ?? {},
    },
    settings: { seconds, margin, seed },
    warnings: benches.flatMap(({ warnings }) => warnings),
  }
  return { document, text: () => describeBench(document) }
}

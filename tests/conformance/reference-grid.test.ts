// Holds the techniques to what onnxruntime.quantization 1.30 makes of every model here over its grid of options, value for value, through
// the hashes in reference.json (tools/conformance/reference.py). The graph's hash says that the outputs are computed alike, so they are
// equal bit for bit in any runtime. `npm run study:reference` compares the real files and runs them.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

import { decodeModel } from '../../src/core/onnx/decode'
import { testContext } from '../fixtures/test-context'
import { compareCase, type Deviation } from './compare-with-reference'
import { unpackCase, type MeasuredModel, type ReferenceHashes } from './reference-cases'
import { compareRanges } from './reference-ranges'
import { DEVIATIONS, explain, type ExplainedDeviation } from './reference-deviations.table'
import { nameInLathe, runCase } from './reference-options'

const read = (path: string): Buffer => readFileSync(new URL(path, import.meta.url))
const { cases, models, samples } = JSON.parse(read('reference.json').toString()) as ReferenceHashes
const explained = new Set<ExplainedDeviation>()
/** Histograms take two runs of each sample, so here only small models have some; the study compares all of them. */
const MOST_VALUES = 20
const methodsFor = ({ ranges, calibrations }: MeasuredModel): readonly string[] =>
  ['MinMax', ...Object.keys(calibrations)].filter(
    (method) => !/Percentile|Entropy/.test(method) || Object.keys(ranges).length <= MOST_VALUES,
  )

const describeDeviation = ({ caseName, subject, kind, text }: Deviation): string =>
  [caseName, subject, kind, ...(text === undefined ? [] : [text])].join(' · ')

describe.each(Object.keys(models))('%s', (name) => {
  const facts = models[name]!
  const model = decodeModel(new Uint8Array(read(`models/${name}.onnx`)))

  it.each(['static', 'dynamic', 'blocks', 'float16'])('%s gives the files of the reference', async (tool) => {
    const own = Object.keys(facts.cases).filter((caseName) => cases[caseName]?.tool === tool)
    const unexplained: string[] = []
    for (const caseName of own) {
      const expected = unpackCase(facts, caseName)
      if (!expected) continue
      const options = cases[caseName]!
      const make = async () => (await runCase(model, facts, options, testContext())).model
      const nameOf = (tensor: string): string => nameInLathe(options, tensor)
      const { deviations } = await compareCase({ model: name, caseName }, expected, nameOf, make)
      for (const deviation of deviations) {
        const line = explain(deviation)
        if (line) explained.add(line)
        else unexplained.push(describeDeviation(deviation))
      }
    }
    expect(unexplained).toEqual([])
  })

  it.each(methodsFor(facts))('%s measures the ranges of the reference', async (method) => {
    const differences = await compareRanges(model, facts, { method, samples })
    expect(differences.filter(({ relative }) => !(relative <= 1e-5))).toEqual([])
  })
})

describe('the list of deviations', () => {
  it('holds none that does not occur', () => {
    expect(DEVIATIONS.filter((line) => !explained.has(line)).map(({ reason }) => reason)).toEqual([])
  })
})

// How much of the output of each layer of a trained transformer is left after its weight was stored in 4 bits: every algorithm of
// quantize-blocks against plain rounding and against the reference toolkit (`tools/studies/int4_reference.py`). Inputs are those of the
// float model on held-out text; with G = XᵀX the ratio is 10 log10(tr(W G Wᵀ) / tr(D G Dᵀ)), D the change of the weight W.
// Run: npm run study:int4, after tools/zoo/convert_minilm.py has made .cache/minilm (its first lines say how)

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import type { Model } from '../../src/core/model/model'
import { nodeLabel } from '../../src/core/model/node'
import { decodeModel } from '../../src/core/onnx/decode'
import { defaultOptions } from '../../src/core/options/parse-options'
import { decodeNpzDataset } from '../../src/data/npz-dataset'
import {
  blockCount,
  type BlockAlgorithm,
  type BlockCodes,
  type BlockRequest,
} from '../../src/techniques/quantize-blocks/block-codes'
import { readRows, type BlockWeight } from '../../src/techniques/quantize-blocks/block-weight'
import { factorGram, gptq, type GptqOptions } from '../../src/techniques/quantize-blocks/gptq'
import { gramMatrices, type Samples } from '../../src/techniques/quantize-blocks/gram-observer'
import { hqq } from '../../src/techniques/quantize-blocks/hqq'
import { incRounding } from '../../src/techniques/quantize-blocks/inc-rounding'
import { kQuant } from '../../src/techniques/quantize-blocks/k-quant'
import { planBlocks } from '../../src/techniques/quantize-blocks/plan'
import { roundToNearest } from '../../src/techniques/quantize-blocks/round-to-nearest'
import { spec } from '../../src/techniques/quantize-blocks/spec'
import { testContext } from '../fixtures/test-context'

const BITS = 4
const BLOCK_SIZE = 32
/** Decibels of the median that GPTQ must be better than rounding. */
const GPTQ_GAIN = 2
/** Decibels: the reference's activations come from another build of the runtime. */
const SAME = 0.001

const root = join(import.meta.dirname, '../..')
const folder = join(root, '.cache/minilm')
const results = join(root, 'tests/studies/results')

type Figures = Readonly<Record<string, number>>
type Table = Readonly<Record<string, Figures>>

const WITHOUT_DATA: Readonly<Record<string, { readonly algorithm: BlockAlgorithm; readonly symmetric: boolean }>> = {
  rtn: { algorithm: roundToNearest, symmetric: false },
  'rtn symmetric': { algorithm: roundToNearest, symmetric: true },
  'rtn-inc': { algorithm: incRounding, symmetric: false },
  'k-quant': { algorithm: kQuant, symmetric: false },
  hqq: { algorithm: hqq, symmetric: false },
}
const PAPER: GptqOptions = { damping: 0.01, actOrder: false, gridMse: false }
const WITH_DATA: Readonly<Record<string, GptqOptions & { readonly symmetric: boolean }>> = {
  gptq: { ...PAPER, symmetric: false },
  'gptq symmetric': { ...PAPER, symmetric: true },
  'gptq, largest inputs first': { ...PAPER, actOrder: true, symmetric: false },
  'gptq, largest inputs first, damping 0.1': { damping: 0.1, actOrder: true, gridMse: false, symmetric: false },
  'gptq, shrunk grids': { ...PAPER, gridMse: true, symmetric: false },
  'gptq, damping 0.1': { ...PAPER, damping: 0.1, symmetric: false },
}

test('4-bit weights of a trained transformer', async () => {
  const model = decodeModel(readFile('model.onnx'))
  const layers = await layersOf(model)
  const table: Record<string, Record<string, number>> = {}
  const seconds: Record<string, number> = {}
  for await (const { grams, heldOut } of gramPairs(model, layers)) {
    for (const layer of layers.filter(({ input }) => grams.has(input))) {
      const { k } = layer.weight
      const gram = matrixOf(grams, layer.input)
      const unseen = matrixOf(heldOut, layer.input)
      const signal = energy(Float64Array.from(layer.rows), k, unseen)
      for (const [name, algorithm] of algorithmsFor(layer, gram, seconds)) {
        const start = performance.now()
        const change = changeOf(layer, algorithm)
        seconds[name] = (seconds[name] ?? 0) + (performance.now() - start) / 1000
        const row = (table[name] ??= {})
        row[layer.name] = decibels(signal, energy(change, k, unseen))
      }
    }
  }
  const reference: { readonly sqnrDb: Table; readonly versions: object } = JSON.parse(
    readFileSync(join(results, 'int4-reference.json'), 'utf8'),
  )
  const judged = judge(table, reference.sqnrDb)
  save(table, reference, judged, seconds)
  console.table(judged.medians)
  expect(judged.missed).toEqual([])
})

function readFile(name: string): Uint8Array {
  const file = join(folder, name)
  if (existsSync(file)) return new Uint8Array(readFileSync(file))
  throw new Error(`${file} is missing: tools/zoo/convert_minilm.py makes it`)
}

interface Layer {
  readonly name: string
  readonly input: string
  readonly weight: BlockWeight
  /** n × k */
  readonly rows: Float32Array
}

async function layersOf(model: Model): Promise<readonly Layer[]> {
  const { weights } = await planBlocks(model, defaultOptions(spec.options))
  return weights.map((weight) => {
    const [reader] = weight.readers
    if (!reader || weight.readers.length > 1) throw new Error(`"${weight.tensor.name}" is not read by one node`)
    const rows = new Float32Array(weight.n * weight.k)
    readRows(weight, 0, rows)
    return { name: nodeLabel(reader), input: reader.inputs[0] ?? '', weight, rows }
  })
}

/** The Gram matrices of the same inputs on the text for calibration and on the held-out text. */
async function* gramPairs(model: Model, layers: readonly Layer[]) {
  const values = [...new Map(layers.map(({ input, weight }) => [input, { value: input, k: weight.k }])).values()]
  const heldOut = gramMatrices(model, values, samplesOf('evaluation.npz'), testContext())
  for await (const grams of gramMatrices(model, values, samplesOf('calibration.npz'), testContext())) {
    const { value } = await heldOut.next()
    if (value) yield { grams, heldOut: value }
  }
}

function samplesOf(name: string): Samples {
  const data = decodeNpzDataset(readFile(name), name)
  return { data, count: data.size }
}

function matrixOf(grams: ReadonlyMap<string, Float64Array>, value: string): Float64Array {
  const gram = grams.get(value)
  if (gram) return gram
  throw new Error(`no Gram matrix of "${value}"`)
}

function* algorithmsFor(
  { weight }: Layer,
  gram: Float64Array,
  seconds: Record<string, number>,
): Generator<readonly [string, (request: BlockRequest) => BlockCodes | undefined]> {
  for (const [name, { algorithm, symmetric }] of Object.entries(WITHOUT_DATA)) {
    yield [name, (request) => algorithm({ ...request, symmetric })]
  }
  for (const [name, { symmetric, ...options }] of Object.entries(WITH_DATA)) {
    const start = performance.now()
    const factor = factorGram(gram, weight.k, options)
    seconds[FACTORS] = (seconds[FACTORS] ?? 0) + (performance.now() - start) / 1000
    yield [name, (request) => gptq(factor, options)({ ...request, symmetric })]
  }
}

const FACTORS = 'all factors of Gram matrices'

/** Stored weight − weight, n × k. */
function changeOf({ weight, rows, name }: Layer, algorithm: BlockAlgorithm): Float64Array {
  const { n, k } = weight
  const result = algorithm({ rows, n, k, blockSize: BLOCK_SIZE, bits: BITS, symmetric: false })
  if (!result) throw new Error(`"${name}" was not stored`)
  const { codes, scales, zeroPoints } = result
  const blocks = blockCount({ k, blockSize: BLOCK_SIZE })
  return Float64Array.from(rows, (value, at) => {
    const block = Math.floor(at / k) * blocks + Math.floor((at % k) / BLOCK_SIZE)
    const zeroPoint = zeroPoints?.[block] ?? 2 ** (BITS - 1)
    return ((codes[at] ?? NaN) - zeroPoint) * (scales[block] ?? NaN) - value
  })
}

const decibels = (signal: number, noise: number): number => 10 * Math.log10(signal / noise)

/** tr(W G Wᵀ) for the rows of W, whose number is a multiple of 4: so many are worked on together. */
function energy(rows: Float64Array, k: number, gram: Float64Array): number {
  let sum = 0
  for (let i = 0; i < k; i++) {
    const line = gram.subarray(i * k, (i + 1) * k)
    for (let r0 = 0; r0 < rows.length; r0 += 4 * k) {
      const [r1, r2, r3] = [r0 + k, r0 + 2 * k, r0 + 3 * k]
      let [s0, s1, s2, s3] = [0, 0, 0, 0]
      for (let j = 0; j < k; j++) {
        const g = line[j] as number
        s0 += g * (rows[r0 + j] as number)
        s1 += g * (rows[r1 + j] as number)
        s2 += g * (rows[r2 + j] as number)
        s3 += g * (rows[r3 + j] as number)
      }
      sum += s0 * (rows[r0 + i] as number) + s1 * (rows[r1 + i] as number)
      sum += s2 * (rows[r2 + i] as number) + s3 * (rows[r3 + i] as number)
    }
  }
  return sum
}

interface Medians {
  readonly ours: number
  readonly reference: number | null
  /** Layers where the reference's is better. */
  readonly layersBelow: number | null
}

function judge(table: Table, reference: Table) {
  const medians = Object.entries(table).map(([name, ours]): readonly [string, Medians] => {
    const theirs = reference[name]
    if (!theirs) return [name, { ours: medianOf(ours), reference: null, layersBelow: null }]
    const below = Object.keys(theirs).filter((layer) => (ours[layer] ?? -Infinity) < (theirs[layer] ?? NaN) - SAME)
    return [name, { ours: medianOf(ours), reference: medianOf(theirs), layersBelow: below.length }]
  })
  const gain = medianOf(table.gptq ?? {}) - medianOf(table.rtn ?? {})
  const missed = medians
    .filter(([, { ours, reference: theirs }]) => theirs !== null && ours < theirs - SAME)
    .map(([name]) => `${name}: below the reference`)
  if (!(gain >= GPTQ_GAIN)) missed.push(`gptq: ${gain} dB better than rounding, at least ${GPTQ_GAIN} expected`)
  return { medians: Object.fromEntries(medians), gain, missed }
}

function medianOf(figures: Figures): number {
  const sorted = Object.values(figures).sort((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2
}

function save(
  table: Table,
  reference: { readonly versions: object },
  { medians, gain, missed }: ReturnType<typeof judge>,
  seconds: Figures,
): void {
  const facts = {
    question:
      'How many decibels of signal to noise has the output of each MatMul of all-MiniLM-L6-v2 with 4-bit weights?',
    command: 'npm run study:int4',
    settings: {
      bits: BITS,
      blockSize: BLOCK_SIZE,
      calibration: samplesOf('calibration.npz').count,
      heldOut: samplesOf('evaluation.npz').count,
    },
    reference: reference.versions,
    bar: `median of gptq at least ${GPTQ_GAIN} dB above rtn; no median below the reference's`,
    ...{ gain, missed, medians, seconds, sqnrDb: table },
  }
  writeFileSync(join(results, 'int4.json'), `${JSON.stringify(facts, shorten, 1)}\n`)
}

const shorten = (_: string, value: unknown): unknown => (typeof value === 'number' ? Number(value.toFixed(4)) : value)

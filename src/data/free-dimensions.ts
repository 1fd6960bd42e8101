// Sizes for the dimensions that a model leaves open, so that any file runs without a form: guessed from the name of the dimension,
// else from its place and the kind of input. All of them are stated to the visitor and may be changed.

import { isKnownDType, type KnownDType } from '../core/model/dtype'
import type { Model } from '../core/model/model'
import type { Dim, Shape } from '../core/model/shape'

/** An input of a model; `EngineTensorInfo` is one. */
export interface ModelInput {
  readonly name: string
  readonly dtype: KnownDType
  readonly shape: Shape
}

/** What has to be fed: the tensors among the graph's inputs that no initializer stands for and whose rank is known. */
export const modelInputs = ({ graph }: Model): readonly ModelInput[] =>
  graph.inputs.flatMap(({ name, type }) => {
    if (graph.initializers.has(name) || type?.kind !== 'tensor') return []
    const { dtype, shape } = type
    return isKnownDType(dtype) && shape ? [{ name, dtype, shape }] : []
  })

const DEFAULT_SIZES = {
  batch: 1,
  sequence: 128,
  image: 224,
  channels: 3,
  audio: 16_000,
  past: 0,
  unknown: 1,
} as const
/** Samples of a chunk that Silero's voice detector takes at 16 kHz. */
const VOICE_CHUNK = 512

const NAMES: readonly (readonly [RegExp, keyof typeof DEFAULT_SIZES])[] = [
  [/past|cache/, 'past'],
  [/batch|^bs?$|^n$/, 'batch'],
  [/channel|^c$/, 'channels'],
  [/height|width|image|^[hw]$/, 'image'],
  [/samples|audio/, 'audio'],
  [/seq|len|token|time|frames|^[tsl]$/, 'sequence'],
]
const AUDIO = /audio|wave?(form)?|pcm|speech|input_values/
/** What a model hands from one run to the next, or a cache; but not the hidden states that an encoder gives. */
export const STATE = /^(?!encoder_hidden).*(past|cache|state|hidden|cell)|^[hc](_?\d|x)?$/
const SAMPLE_RATE = /^(sr|sample_?rate|sampling_?rate)$/

/** Size by dimension name, for every symbolic dimension of the inputs: what `OpenOptions.freeDimensions` takes. */
export function freeDimensionDefaults(inputs: readonly ModelInput[]): Readonly<Record<string, number>> {
  const sizes: Record<string, number> = {}
  for (const input of inputs) {
    input.shape.forEach((dim, axis) => {
      if (typeof dim === 'string' && dim !== '') sizes[dim] ??= guessSize(dim, axis, input, inputs)
    })
  }
  return sizes
}

/** The shape with every dimension a number; `sizes` as `freeDimensionDefaults` gives or the visitor changed them. */
export function resolveShape(
  input: ModelInput,
  inputs: readonly ModelInput[],
  sizes: Readonly<Record<string, number>>,
): readonly number[] {
  return input.shape.map((dim, axis) => {
    if (typeof dim === 'number') return dim
    return (typeof dim === 'string' ? sizes[dim] : undefined) ?? guessSize(dim ?? '', axis, input, inputs)
  })
}

function guessSize(name: string, axis: number, input: ModelInput, inputs: readonly ModelInput[]): number {
  // Exporters write sums: “past_sequence_length + 1”.
  const terms = name.split('+').map((term) => term.trim())
  if (terms.length > 1) {
    return terms.reduce(
      (sum, term) => sum + (/^\d+$/.test(term) ? Number(term) : guessSize(term, axis, input, inputs)),
      0,
    )
  }
  if (axis === 1 && isVoiceChunk(input, inputs)) return VOICE_CHUNK
  return DEFAULT_SIZES[kindByName(name, input) ?? kindByPlace(axis, input)]
}

/** Voice detectors take their sampling rate as an input and a chunk of fixed length beside it. */
const isVoiceChunk = ({ dtype, shape }: ModelInput, inputs: readonly ModelInput[]): boolean =>
  dtype === 'float32' && shape.length === 2 && inputs.some(({ name }) => SAMPLE_RATE.test(name.toLowerCase()))

type Kind = keyof typeof DEFAULT_SIZES

function kindByName(name: string, input: ModelInput): Kind | undefined {
  const lower = name.toLowerCase()
  const kind = NAMES.find(([pattern]) => pattern.test(lower))?.[1]
  return kind === 'sequence' && isAudio(input) ? 'audio' : kind
}

const isAudio = (input: ModelInput): boolean => AUDIO.test(input.name.toLowerCase()) && input.shape.length <= 3

/** For names such as `unk__123` and for dimensions without one. */
function kindByPlace(axis: number, { name, dtype, shape }: ModelInput): Kind {
  const rank = shape.length
  if (axis === 0) return 'batch'
  // Layers, then batch: the states of recurrent networks.
  if (axis === 1 && rank === 3 && STATE.test(name.toLowerCase())) return 'batch'
  if (rank === 4) return axis === channelAxis(shape) ? 'channels' : 'image'
  if (isAudio({ name, dtype, shape }) && axis === rank - 1) return 'audio'
  const isIndex = dtype === 'int64' || dtype === 'int32'
  if (rank === 2 && isIndex) return 'sequence'
  return rank === 3 && axis === 1 ? 'sequence' : 'unknown'
}

const isChannelCount = (dim: Dim | undefined): boolean => dim === 1 || dim === 3
const channelAxis = (shape: Shape): number => (isChannelCount(shape[3]) && !isChannelCount(shape[1]) ? 3 : 1)

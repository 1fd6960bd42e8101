// The recipes that Lathe ships, by name: chips in the page, `--recipe NAME` on the command line. Plain data.
// Options that are not named take their technique's default when the recipe is parsed.

import type { TechniqueId } from './catalog'

interface Preset {
  /** A chip: two or three words. */
  readonly label: string
  /** What it is good for, one sentence. */
  readonly summary: string
  readonly steps: readonly { readonly technique: TechniqueId; readonly options?: Readonly<Record<string, string>> }[]
}

const prepare = [{ technique: 'fold-batch-norm' }, { technique: 'fold-constants' }] as const

export const presets = {
  copy: {
    label: 'Copy',
    summary: 'Decodes and encodes the model and changes nothing: the control of every experiment.',
    steps: [],
  },
  'int8-static': {
    label: 'int8, calibrated',
    summary:
      'Integer weights and activations, ranges measured on real data. A quarter of the size, often the fastest on CPUs.',
    steps: [...prepare, { technique: 'quantize-static', options: { activationType: 'uint8' } }],
  },
  'int8-dynamic': {
    label: 'int8, no data needed',
    summary: 'Integer weights; the ranges of activations are measured while the model runs. Good for transformers.',
    steps: [...prepare, { technique: 'quantize-dynamic' }],
  },
  'int8-weights': {
    label: 'int8 weights only',
    summary: 'A quarter of the download; computes in float as before, so the answers barely change.',
    steps: [...prepare, { technique: 'quantize-weights' }],
  },
  'int4-weights': {
    label: 'int4 weights',
    summary: 'Matrix products with weights of 4 bits: a sixth of their size. For transformers on GPUs; slow on WASM.',
    steps: [...prepare, { technique: 'quantize-blocks' }],
  },
  fp16: {
    label: 'float16',
    summary: 'Half the size. Fast on GPUs with 16-bit arithmetic; on CPUs it is converted back and slower.',
    steps: [...prepare, { technique: 'cast-float16' }],
  },
} as const satisfies Record<string, Preset>

export type PresetName = keyof typeof presets

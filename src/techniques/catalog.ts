// Every technique of Lathe, by id: plain data, imported by the page, the parser and the command line. No pass code is reachable from here.
// A new technique is one folder, one line here and one line in passes.ts (docs/adding-a-technique.md). The order is the one people see.

import { spec as castFloat16 } from './cast-float16/spec'
import { spec as equalizeLayers } from './equalize-layers/spec'
import { spec as foldBatchNorm } from './fold-batch-norm/spec'
import { spec as foldConstants } from './fold-constants/spec'
import { spec as quantizeBlocks } from './quantize-blocks/spec'
import { spec as quantizeDynamic } from './quantize-dynamic/spec'
import { spec as quantizeStatic } from './quantize-static/spec'
import { spec as quantizeWeights } from './quantize-weights/spec'
import { spec as simplifyGraph } from './simplify-graph/spec'
import { spec as smoothActivations } from './smooth-activations/spec'

export const catalog = {
  'fold-batch-norm': foldBatchNorm,
  'fold-constants': foldConstants,
  'simplify-graph': simplifyGraph,
  'equalize-layers': equalizeLayers,
  'smooth-activations': smoothActivations,
  'cast-float16': castFloat16,
  'quantize-weights': quantizeWeights,
  'quantize-blocks': quantizeBlocks,
  'quantize-dynamic': quantizeDynamic,
  'quantize-static': quantizeStatic,
} as const

export type TechniqueId = keyof typeof catalog

// The code of every technique, by id. Imported only where passes run: workers, the command line, tests. A technique of the catalogue that
// has no line here is a compile error.

import type { Apply } from '../core/pass/technique'
import { apply as castFloat16 } from './cast-float16/apply'
import type { catalog, TechniqueId } from './catalog'
import { apply as equalizeLayers } from './equalize-layers/apply'
import { apply as foldBatchNorm } from './fold-batch-norm/apply'
import { apply as foldConstants } from './fold-constants/apply'
import { apply as quantizeBlocks } from './quantize-blocks/apply'
import { apply as quantizeDynamic } from './quantize-dynamic/apply'
import { apply as quantizeStatic } from './quantize-static/apply'
import { apply as quantizeWeights } from './quantize-weights/apply'
import { apply as simplifyGraph } from './simplify-graph/apply'
import { apply as smoothActivations } from './smooth-activations/apply'

export const passes: { readonly [K in TechniqueId]: Apply<(typeof catalog)[K]> } = {
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
}

// The code of every technique, by id. Imported only where passes run: workers, the command line, tests. Each is loaded when it first runs, so
// that a recipe pays for its own steps only. A technique of the catalogue that has no line here is a compile error.

import type { Apply } from '../core/pass/technique'
import type { TechniqueSpec } from '../core/options/spec'
import type { catalog, TechniqueId } from './catalog'

const loaded =
  <S extends TechniqueSpec>(load: () => Promise<{ readonly apply: Apply<S> }>): Apply<S> =>
  async (model, options, context) =>
    (await load()).apply(model, options, context)

export const passes: { readonly [K in TechniqueId]: Apply<(typeof catalog)[K]> } = {
  'fold-batch-norm': loaded(() => import('./fold-batch-norm/apply')),
  'fold-constants': loaded(() => import('./fold-constants/apply')),
  'simplify-graph': loaded(() => import('./simplify-graph/apply')),
  'equalize-layers': loaded(() => import('./equalize-layers/apply')),
  'smooth-activations': loaded(() => import('./smooth-activations/apply')),
  'cast-float16': loaded(() => import('./cast-float16/apply')),
  'quantize-weights': loaded(() => import('./quantize-weights/apply')),
  'quantize-blocks': loaded(() => import('./quantize-blocks/apply')),
  'quantize-dynamic': loaded(() => import('./quantize-dynamic/apply')),
  'quantize-static': loaded(() => import('./quantize-static/apply')),
}

// Makes a graph smaller without changing what it computes: merges weights and operators that are there twice, fuses neighbours that are
// exactly one operator, drops what nothing uses; in the main graph and in the bodies of If, Loop and Scan, round after round until nothing
// is left to do.

import { removeDeadNodes } from '../../core/model/dead-nodes'
import { inferShapes } from '../../core/model/infer-shapes'
import { mapGraphs, type GraphEdit } from '../../core/model/map-graphs'
import { onnxOpset, type Model } from '../../core/model/model'
import { raiseOpset } from '../../core/onnx/raise-opset'
import { withoutTexts } from '../../core/onnx/strip-texts'
import type { OptionsOf } from '../../core/options/spec'
import type { PassContext } from '../../core/pass/pass-context'
import type { Apply, Note } from '../../core/pass/technique'
import { boundsOfBounds } from './bounds'
import { storeConstants } from './constant-nodes'
import { sweep, type Fusion } from './edit'
import { nothingToDo, reshapeOfReshape, squeezeOfUnsqueeze, transposeOfTranspose } from './layout'
import { mergeConstants, type KnownHashes } from './merge-constants'
import { mergeNodes } from './merge-nodes'
import { nameNodes } from './name-nodes'
import { divisionToProduct, matMulAddToGemm, transposeIntoGemm } from './products'
import type { spec } from './spec'
import { dropUnusedOutputs, withoutUnusedParts } from './unused-parts'

type Options = OptionsOf<typeof spec.options>

/** These leave every bit as it was. */
const EXACT_FUSIONS: readonly Fusion[] = [
  nothingToDo,
  squeezeOfUnsqueeze,
  reshapeOfReshape,
  transposeOfTranspose,
  boundsOfBounds,
  divisionToProduct,
]

/** These may change the order of a sum. */
const GEMM_FUSIONS: readonly Fusion[] = [transposeIntoGemm, matMulAddToGemm]

/** What happened over all rounds: how often, by what it is called. */
class Log {
  readonly fused = new Map<string, number>()
  readonly merged = new Map<string, number>()
  readonly dropped = new Map<string, number>()
  mergedBytes = 0
  stored = 0
  named = 0

  notes(): readonly Note[] {
    const weights = this.mergedBytes > 0 ? ` (${this.mergedBytes} bytes of weights)` : ''
    const lines = [
      this.stored > 0 ? `Stored as weights: ${this.stored} Constant.` : '',
      this.named > 0 ? `Named after what they make: ${this.named} operators.` : '',
      sentence('Merged', this.merged, weights),
      sentence('Fused', this.fused),
      sentence('Dropped', this.dropped),
    ]
    return lines.filter((text) => text !== '').map((text) => ({ kind: 'changed', text }))
  }
}

const sentence = (verb: string, counts: ReadonlyMap<string, number>, more = ''): string =>
  counts.size === 0 ? '' : `${verb}: ${[...counts].map(([what, count]) => `${count} ${what}`).join(', ')}${more}.`

const count = (counts: Map<string, number>, what: string, times = 1): void => {
  if (times > 0) counts.set(what, (counts.get(what) ?? 0) + times)
}

export const apply: Apply<typeof spec> = async (model, options, context) => {
  const log = new Log()
  const notes: Note[] = []
  const raised = options.opset > 0 ? raiseOpset(model, options.opset) : model
  if (raised !== model) {
    notes.push({ kind: 'changed', text: `Raised from opset ${onnxOpset(model)} to ${onnxOpset(raised)}.` })
  }
  const simplified = await simplify(raised, options, context, log)
  const lean = withoutUnusedParts(simplified)
  count(log.dropped, 'functions', simplified.functions.length - lean.functions.length)
  count(log.dropped, 'opset imports', simplified.opsets.size - lean.opsets.size)
  context.progress(1, 'done')
  return { model: options.stripText ? withoutTexts(lean) : lean, notes: [...notes, ...log.notes()] }
}

async function simplify(model: Model, options: Options, context: PassContext, log: Log): Promise<Model> {
  const hashes: KnownHashes = new WeakMap()
  // Each round takes something away or turns a Div into a Mul, so there is an end.
  for (let round = 0, before = model; ; round++) {
    context.progress(1 - 2 ** -round, `round ${round + 1}`)
    const edited = await simplifyGraphs(before, options, context, log)
    const merged = options.merge ? await mergeConstants(edited, hashes, () => context.checkpoint()) : undefined
    count(log.merged, 'weights', merged?.count)
    log.mergedBytes += merged?.bytes ?? 0
    const after = merged?.model ?? edited
    if (after === before) return after
    before = after
  }
}

function simplifyGraphs(model: Model, options: Options, context: PassContext, log: Log): Promise<Model> {
  const opset = onnxOpset(model)
  return mapGraphs(model, inferShapes(model), async (graph) => {
    await context.checkpoint()
    const { draft } = graph
    const stored = storeConstants(draft)
    const edits = sweep(graph, fusionsOf(options), opset)
    const merged = options.merge ? mergeNodes(draft, graph.original.name) : []
    const dead = removeDeadNodes(draft)
    const hadUnused = dropUnusedOutputs(draft)
    const named = nameNodes(draft)
    log.stored += stored
    log.named += named
    for (const { label } of edits) count(log.fused, label)
    count(log.merged, 'operators', merged.length)
    for (const { opType } of dead) count(log.dropped, opType)
    return stored + edits.length + merged.length + dead.length + named > 0 || hadUnused || hasUnusedWeights(graph)
  })
}

const fusionsOf = ({ fuse, gemm }: Options): readonly Fusion[] => [
  ...(fuse ? EXACT_FUSIONS : []),
  ...(gemm ? GEMM_FUSIONS : []),
]

/** The draft drops them when it is finished. */
function hasUnusedWeights({ draft }: GraphEdit): boolean {
  const { index } = draft
  return [...draft.initializers.keys()].some(
    (name) => !index.isInput(name) && !index.isOutput(name) && index.consumers(name).length === 0,
  )
}

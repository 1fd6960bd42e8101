// Converts a float32 model to float16: weights, operators and the bodies of If, Loop and Scan. Operators that need float32 keep it, with
// casts around them; so do calls of the model's own functions, other domains and what was asked for. In storage mode only weights change.

import { inferShapes } from '../../core/model/infer-shapes'
import { onnxOpset, type Model } from '../../core/model/model'
import { nodeLabel, nodeName, type Node } from '../../core/model/node'
import { raiseOpset } from '../../core/onnx/raise-opset'
import type { PassContext } from '../../core/pass/pass-context'
import type { Apply, Note } from '../../core/pass/technique'
import { clampNote } from './clamp-note'
import { convertGraphs, factsOf, type Conversion } from './convert-graphs'
import { findExactNodes, type ExactNodes } from './keep-exact'
import { isConverted, type RuleContext } from './node-rule'
import { spec, type Float16Options } from './spec'
import { storeWeights } from './store-weights'

export const apply: Apply<typeof spec> = async (model, options, context) => {
  const raised = raiseOpset(model, spec.needs.opset)
  await context.checkpoint()
  if (options.mode === 'storage') {
    const result = await storeWeights(raised, progressOver(raised, context))
    context.progress(1, 'done')
    return result
  }
  const asked = askedFor(options)
  const rules: RuleContext = { opset: onnxOpset(raised), isCall: callsOf(raised), keeps: asked }
  const exact = options.measured ? await measure(raised, rules, options, context) : undefined
  const suffers = (node: Node): string | undefined =>
    exact?.keep.has(node) ? 'in float16 the answers would be less exact than asked' : undefined
  const conversion = await convertGraphs({
    model: raised,
    types: inferShapes(raised),
    context: { ...rules, keeps: (node) => asked(node) ?? suffers(node) },
    border: options.keepIo ? 'float32' : 'float16',
    onItem: progressOver(raised, context, exact ? 0.8 : 0),
  })
  context.progress(1, 'done')
  return { model: conversion.model, notes: [...notesOf(conversion), ...(exact ? [measuredNote(exact, options)] : [])] }
}

/** Operators that the person wants in float32. */
function askedFor({ floatOps, excludeNodes }: Float16Options): (node: Node) => string | undefined {
  const types = new Set(floatOps)
  const nodes = new Set(excludeNodes)
  return (node) => (types.has(node.opType) || nodes.has(nodeName(node)) ? 'it was asked for' : undefined)
}

function measure(model: Model, rules: RuleContext, options: Float16Options, context: PassContext): Promise<ExactNodes> {
  const types = inferShapes(model)
  const values = factsOf(model.graph, types)
  return findExactNodes({ model, types, options, context, isCandidate: (node) => isConverted(node, values, rules) })
}

/** Progress from `from` to 1, one step for each graph and weight. */
function progressOver(model: Model, context: PassContext, from = 0): (name: string) => Promise<void> {
  const count = model.graph.initializers.size + 1
  let done = 0
  return async (name) => {
    await context.checkpoint()
    context.progress(from + (1 - from) * Math.min(done++ / count, 1), name)
  }
}

function callsOf(model: Model): (node: Node) => boolean {
  const key = (domain: string, name: string, overload = ''): string => `${domain}:${name}:${overload}`
  const functions = new Set(model.functions.map(({ domain, name, overload }) => key(domain, name, overload)))
  return ({ domain, opType, overload }) => functions.has(key(domain, opType, overload))
}

function notesOf({ convertedWeights, clamped, blocked }: Conversion): readonly Note[] {
  const notes: Note[] = [{ kind: 'changed', text: `Converted ${convertedWeights} weights to float16.` }]
  for (const [subject, count] of clamped) notes.push(clampNote(subject, count))
  for (const { node, reason } of blocked) {
    notes.push({ kind: 'skipped', subject: nodeLabel(node), text: `Stays in float32: ${reason}.` })
  }
  return notes
}

function measuredNote({ keep, sqnrDb, samples }: ExactNodes, { minSqnrDb }: Float16Options): Note {
  const found = keep.size === 0 ? 'No operator has' : `${keep.size} operators have`
  const ratio = Number.isFinite(sqnrDb) ? `, with ${sqnrDb.toFixed(1)} dB for the least exact output` : ''
  const text = `${found} to stay in float32 for ${minSqnrDb} dB on ${samples} samples${ratio} (rounding simulated).`
  return { kind: 'changed', text }
}

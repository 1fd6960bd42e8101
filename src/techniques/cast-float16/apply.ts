// Converts a float32 model to float16: weights, operators and the bodies of If, Loop and Scan. Operators that need float32 keep it, with
// casts around them; so do calls of the model's own functions and of other domains.

import { inferShapes } from '../../core/model/infer-shapes'
import { onnxOpset, type Model } from '../../core/model/model'
import { nodeLabel, type Node } from '../../core/model/node'
import { raiseOpset } from '../../core/onnx/raise-opset'
import type { Apply, Note } from '../../core/pass/technique'
import { convertGraphs, type Conversion } from './convert-graphs'
import { spec } from './spec'

export const apply: Apply<typeof spec> = async (model, { keepIo }, context) => {
  const raised = raiseOpset(model, spec.needs.opset)
  await context.checkpoint()
  const count = raised.graph.initializers.size + 1
  let done = 0
  const conversion = await convertGraphs({
    model: raised,
    types: inferShapes(raised),
    context: { opset: onnxOpset(raised), isCall: callsOf(raised) },
    border: keepIo ? 'float32' : 'float16',
    onItem: async (name) => {
      await context.checkpoint()
      context.progress(Math.min(done++ / count, 1), name)
    },
  })
  context.progress(1, 'done')
  return { model: conversion.model, notes: notesOf(conversion) }
}

function callsOf(model: Model): (node: Node) => boolean {
  const key = (domain: string, name: string, overload = ''): string => `${domain}:${name}:${overload}`
  const functions = new Set(model.functions.map(({ domain, name, overload }) => key(domain, name, overload)))
  return ({ domain, opType, overload }) => functions.has(key(domain, opType, overload))
}

function notesOf({ convertedWeights, clamped, blocked }: Conversion): readonly Note[] {
  const notes: Note[] = [{ kind: 'changed', text: `Converted ${convertedWeights} weights to float16.` }]
  for (const [subject, count] of clamped) {
    const text = `${count} of its values are beyond the largest float16 and took that value.`
    notes.push({ kind: 'warning', subject, text })
  }
  for (const { node, reason } of blocked) {
    notes.push({ kind: 'skipped', subject: nodeLabel(node), text: `Stays in float32: ${reason}.` })
  }
  return notes
}

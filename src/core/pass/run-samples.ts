// The answers of a model to several samples, one after the other, from a session of its own.

import type { Model } from '../model/model'
import { encodeParts } from '../onnx/encode-parts'
import type { PassContext } from './pass-context'
import type { NamedValues } from './tensor-value'

/** `samples` are fed in their order. Throws what engine, samples and a cancel throw; the session is closed then too. */
export async function runSamples(
  model: Model,
  samples: Iterable<NamedValues | Promise<NamedValues>>,
  context: Pick<PassContext, 'infer' | 'checkpoint'>,
): Promise<readonly NamedValues[]> {
  const session = await context.infer.open(encodeParts(model))
  try {
    const answers: NamedValues[] = []
    for (const sample of samples) {
      await context.checkpoint()
      answers.push(await session.run(await sample))
    }
    return answers
  } finally {
    await session.close()
  }
}

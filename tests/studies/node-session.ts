// A session in this process with the inputs that a study feeds it, for studies that need contenders of their own making.

import { readFile } from 'node:fs/promises'
import { REPOSITORY } from '../../tools/scripts/build-when-stale.mjs'
import { openData } from '../../src/cli/open-data'
import { inputNamesOf, openModel } from '../../src/cli/open-model'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import type { Engine, EngineSession } from '../../src/engines/engine'
import { spreadSamples } from '../../workers/host/model-inputs'
import type { StudyModel } from './study-models'

/** As many as the benches rotate. */
export const INPUTS = 16

export interface NodeSession {
  readonly session: EngineSession
  readonly feeds: readonly NamedValues[]
}

/** The caller closes the session. */
export async function openNodeSession(engine: Engine, { reference, data }: StudyModel): Promise<NodeSession> {
  const { path, model } = await openModel(reference, REPOSITORY)
  const feeds = await spreadSamples(await openData(data, inputNamesOf(model), REPOSITORY), INPUTS)
  return { session: await engine.open(await readFile(path), { optimization: 'all' }), feeds }
}

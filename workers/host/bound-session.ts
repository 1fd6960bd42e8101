// A session with its inputs bound, ready to be timed, and the figures of its cold start: load, session, first run.

import { LabError } from '../../src/core/errors/lab-error'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import type { BoundRun, Engine, EngineSession } from '../../src/engines/engine'
import type { ColdStart } from '../../src/measure/cold-start'
import { openModel, type SessionRequest } from './engine-host'

export interface BoundSession {
  readonly cold: Omit<ColdStart, 'label'>
  readonly inputCount: number
  /** One inference on a bound input, from 0. */
  run(input: number): Promise<void>
  close(): Promise<void>
}

/** `feedsFor`: what the session is to be fed with. Throws what opening, binding and running throw; nothing stays open then. */
export async function openBound(
  engine: Engine,
  request: SessionRequest,
  feedsFor: (session: EngineSession) => Promise<readonly NamedValues[]>,
): Promise<BoundSession> {
  const { session, loadMs } = await openModel(engine, request)
  try {
    const bound = await bindAll(session, await feedsFor(session))
    const start = performance.now()
    await bound.run(0)
    const cold = { loadMs, sessionMs: session.sessionMs, firstRunMs: performance.now() - start }
    return { cold, ...bound, close: () => session.close() }
  } catch (error) {
    await session.close()
    throw error
  }
}

/** Throws `data/invalid` without feeds. Closing the session gives back what was bound. */
export async function bindAll(
  session: EngineSession,
  feeds: readonly NamedValues[],
): Promise<Pick<BoundSession, 'inputCount' | 'run'>> {
  if (feeds.length === 0) throw new LabError('data/invalid', 'There are no inputs to run the models on.')
  const runs: BoundRun[] = []
  for (const feed of feeds) runs.push(await session.bind(feed))
  return {
    inputCount: runs.length,
    run: (input) => {
      const run = runs[input]
      if (!run) throw new LabError('internal', `There is no input ${input}.`)
      return run.run()
    },
  }
}

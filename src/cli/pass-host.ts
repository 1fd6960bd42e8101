// What passes get from this process: turns of the message loop, progress, the clock.

import type { RecipeHost } from '../core/pass/run-recipe'
import type { Progress } from './progress'

export const passHost = (progress: Pick<Progress, 'show'>): Pick<RecipeHost, 'checkpoint' | 'progress' | 'now'> => ({
  checkpoint: () => new Promise((done) => setImmediate(done)),
  progress: (fraction, what) => progress.show(fraction, what),
  now: () => performance.now(),
})

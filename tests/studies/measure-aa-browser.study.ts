// How often a model is called faster than itself in a headless Chromium, a fresh one for every pair. Run: npm run study:measure

import { test } from 'vitest'
import { studySelfComparison } from './measure-aa'

test('of 40 comparisons of a model with itself in a browser at most 2 make a claim', () =>
  studySelfComparison({ place: 'browser', pairs: 40, maxFalseClaims: 2 }))

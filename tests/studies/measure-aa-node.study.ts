// How often a model is called faster than itself in Node. Run: npm run study:measure

import { test } from 'vitest'
import { studySelfComparison } from './measure-aa'

test('of 100 comparisons of a model with itself in Node at most 4 make a claim', () =>
  studySelfComparison({ place: 'node', pairs: 100, maxFalseClaims: 4 }))

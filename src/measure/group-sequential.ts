// Boundaries for looking at accumulating data several times (Lan & DeMets, Biometrika 70, 1983): the two-sided error 0.05 is spent
// as 0.05 · t^1.5, and the critical value of each look follows by integrating the density of the statistic that has not crossed yet
// (Armitage, McPherson & Rowe 1969).

import { gaussLegendre } from './gauss-legendre'
import { normalCdf, normalDensity } from './normal-distribution'

const ALPHA = 0.05
const POWER = 1.5
/** Of the Gauss–Legendre rule: enough for 1e-9 of z, also where two looks are only 1 % of the sample apart. */
const NODES = 120

/** Density of the sum S(t) over the points from −limit to limit, for paths that crossed at no look so far. */
interface Surviving {
  readonly time: number
  readonly points: Float64Array
  readonly weights: Float64Array
  readonly density: Float64Array
}

/** Two-sided critical value z of each look. `fractions`: of the whole sample, ascending, the last one 1. */
export function spendingBoundaries(fractions: readonly number[]): readonly number[] {
  const boundaries: number[] = []
  let surviving: Surviving | null = null
  let spent = 0
  for (const time of fractions) {
    const budget = ALPHA * time ** POWER
    const z: number = solveBoundary(surviving, time, budget - spent)
    surviving = survive(surviving, time, z)
    boundaries.push(z)
    spent = budget
  }
  return boundaries
}

/** The z at which just `error` of the surviving paths cross, on either side. */
function solveBoundary(surviving: Surviving | null, time: number, error: number): number {
  let low = 0
  let high = 8
  while (high - low > 1e-12) {
    const z = (low + high) / 2
    if (crossing(surviving, time, z) > error) low = z
    else high = z
  }
  return high
}

function crossing(surviving: Surviving | null, time: number, z: number): number {
  if (!surviving) return 2 * normalCdf(-z)
  const limit = z * Math.sqrt(time)
  const sd = Math.sqrt(time - surviving.time)
  let sum = 0
  surviving.points.forEach((point, i) => {
    const tail = normalCdf((point - limit) / sd) + normalCdf((-point - limit) / sd)
    sum += (surviving.weights[i] ?? 0) * (surviving.density[i] ?? 0) * tail
  })
  return sum
}

function survive(before: Surviving | null, time: number, z: number): Surviving {
  const limit = z * Math.sqrt(time)
  const { nodes, weights: unitWeights } = gaussLegendre(NODES)
  const points = nodes.map((node) => node * limit)
  const weights = unitWeights.map((weight) => weight * limit)
  const sd = Math.sqrt(time - (before?.time ?? 0))
  const density = points.map((point) => {
    if (!before) return normalDensity(point / sd) / sd
    let sum = 0
    before.points.forEach((from, i) => {
      sum += ((before.weights[i] ?? 0) * (before.density[i] ?? 0) * normalDensity((point - from) / sd)) / sd
    })
    return sum
  })
  return { time, points, weights, density }
}

// From a model's workload and the operator probe of a device to the few recipes that are worth a race there. What is expected of each is a
// hypothesis that chooses what to race; it decides nothing.

import type { OptionValue } from '../core/options/spec'
import { parseRecipe } from '../core/recipe/parse-recipe'
import { RECIPE_VERSION, type Recipe } from '../core/recipe/recipe'
import type { ProbeTable } from '../probe/probe-table'
import { catalog, type TechniqueId } from '../techniques/catalog'
import { dropReason } from './best-text'
import { expectedRatio, faultOf, outcomeOf } from './expectation'
import type { Goal } from './goals'
import { hypothesesFor, type Hypothesis } from './hypotheses'
import { plansFor, type Plan } from './plans'
import type { Workload } from './workload'

export interface CandidateStep {
  readonly technique: TechniqueId
  /** Those not named take the technique's default. */
  readonly options?: Readonly<Record<string, OptionValue>>
}

export interface Candidate {
  /** Also part of file names. */
  readonly name: string
  readonly label: string
  readonly steps: readonly CandidateStep[]
  /** Latency ÷ that of the original; null where the probe does not tell. */
  readonly expectedRatio: number | null
  /** File ÷ file of the original, roughly: weights only. */
  readonly expectedSizeRatio: number
  /** One sentence. */
  readonly why: string
}

/** A recipe that was thought of and is not raced. */
interface DroppedCandidate {
  readonly name: string
  readonly label: string
  /** Half a sentence. */
  readonly reason: string
}

export interface Advice {
  readonly goal: Goal
  /** At most four, the most promising first. */
  readonly candidates: readonly Candidate[]
  readonly dropped: readonly DroppedCandidate[]
  readonly hypotheses: readonly Hypothesis[]
}

export interface AdviceRequest {
  readonly goal: Goal
  readonly workload: Workload
  /** Without it nothing is expected of anything. */
  readonly table?: ProbeTable | undefined
  /** Real samples to measure ranges on are at hand. */
  readonly hasSamples: boolean
}

const MOST_CANDIDATES = 4
/** Expected to be slower than this, a recipe cannot win under any goal: its race would only take time from the others'. */
const SLOWEST = 1.05
/** The same speed by construction and a quarter of the size: what is said instead when nothing is faster. */
const ALWAYS_RACED = 'int8-weights'

export function advise({ goal, workload, table, hasSamples }: AdviceRequest): Advice {
  const candidates: Candidate[] = []
  const dropped: DroppedCandidate[] = []
  const drop = ({ name, label }: Pick<Plan, 'name' | 'label'>, reason: string): void => {
    dropped.push({ name, label, reason })
  }
  for (const plan of plansFor(goal, workload, table)) {
    if (!plan.isOfUse) continue
    const ratio = expectedRatio(workload, table, plan.formats)
    const reason = reasonToDrop(plan, ratio, { workload, table, hasSamples })
    if (reason !== undefined) drop(plan, reason)
    else candidates.push(candidateOf(plan, ratio))
  }
  const sorted = goal === 'exact' ? candidates : candidates.toSorted(ORDERS[goal])
  const kept = keepFew(sorted)
  for (const one of sorted) if (!kept.includes(one)) dropped.push({ ...pickName(one), reason: dropReason.many })
  return { goal, candidates: kept, dropped, hypotheses: hypothesesFor(workload, table, hasSamples) }
}

/** The recipe of a candidate, with all options filled in. */
export const candidateRecipe = ({ steps }: Pick<Candidate, 'steps'>): Recipe =>
  parseRecipe({ version: RECIPE_VERSION, steps }, catalog)

function reasonToDrop(
  plan: Plan,
  ratio: number | null,
  { workload, table, hasSamples }: Omit<AdviceRequest, 'goal'>,
): string | undefined {
  if (plan.needs === 'samples' && !hasSamples) return dropReason.samples
  const fault = faultOf(workload, table, plan.formats)
  if (fault) return dropReason.fault(fault, outcomeOf(table, fault.operator, fault.format))
  if (plan.needs === 'faster-in-probe' && (ratio === null || ratio >= 1)) return dropReason.notFaster(ratio)
  return ratio !== null && ratio > SLOWEST ? dropReason.slower(ratio) : undefined
}

const candidateOf = ({ name, label, steps, expectedSizeRatio, why }: Plan, ratio: number | null): Candidate => ({
  ...{ name, label, steps, expectedSizeRatio, why },
  expectedRatio: ratio,
})

/** Equal ones keep the order of the plans. */
const ORDERS: Readonly<Record<'speed' | 'size', (a: Candidate, b: Candidate) => number>> = {
  speed: (a, b) => (a.expectedRatio ?? 1) - (b.expectedRatio ?? 1),
  size: (a, b) => a.expectedSizeRatio - b.expectedSizeRatio,
}

function keepFew(sorted: readonly Candidate[]): readonly Candidate[] {
  const first = sorted.slice(0, MOST_CANDIDATES)
  const fallback = sorted.find(({ name }) => name === ALWAYS_RACED)
  return !fallback || first.includes(fallback) ? first : [...first.slice(0, MOST_CANDIDATES - 1), fallback]
}

const pickName = ({ name, label }: Candidate): Pick<Candidate, 'name' | 'label'> => ({ name, label })

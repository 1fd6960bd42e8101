// The two checks that come before any speed, for every file of a bench: the engine check, with the place of the fault where it fails,
// and the fidelity of every variant. Only the engine check hides a speed.

import type { EngineCheck } from '../../measure/engine-check'
import type { FaultSite } from '../../measure/fault-site'
import type { Fidelity } from '../../measure/fidelity'
import { CHECK_INPUTS } from '../../measure/input-counts'
import type { Laboratory } from '../laboratory'

export interface FileAnswers {
  readonly kernelCheck: EngineCheck
  /** Where the answers start to differ; null where they are right. */
  readonly faultSite: FaultSite | null
  /** Null for the original. */
  readonly fidelity: Pick<Fidelity, 'samples' | 'outputs' | 'topOneAgreement'> | null
}

/** Of the first `count` models of the laboratory, in order. Throws what the laboratory throws. */
export async function checkAnswers(
  laboratory: Laboratory,
  count: number,
  fidelityInputs = CHECK_INPUTS,
): Promise<readonly FileAnswers[]> {
  const checked: Omit<FileAnswers, 'fidelity'>[] = []
  for (let index = 0; index < count; index++) {
    const kernelCheck = await laboratory.engineCheck(index, CHECK_INPUTS)
    const faultSite = kernelCheck.ok ? null : await laboratory.bisect(index, CHECK_INPUTS, kernelCheck)
    checked.push({ kernelCheck, faultSite })
  }
  const answers: FileAnswers[] = []
  for (const [index, found] of checked.entries())
    answers.push({ ...found, fidelity: index === 0 ? null : await fidelityOf(laboratory, index, fidelityInputs) })
  return answers
}

async function fidelityOf(laboratory: Laboratory, variant: number, inputs: number): Promise<FileAnswers['fidelity']> {
  const { samples, outputs, topOneAgreement } = (await laboratory.fidelity(variant, inputs)).fidelity
  return { samples, outputs, topOneAgreement }
}

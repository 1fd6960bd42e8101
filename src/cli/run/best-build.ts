// Builds the candidates of `lathe best` into a folder, one after another. One that cannot be built is told and not raced.

import { join } from 'node:path'
import { candidateRecipe, type Candidate } from '../../advisor/advise'
import { asLabError, isCancelled } from '../../core/errors/lab-error'
import { compressFile, type Compression } from '../compress-file'
import type { StagedProgress } from '../progress'

export interface BuiltCandidate {
  readonly candidate: Candidate
  /** Absent where it could not be built. */
  readonly built?: { readonly path: string; readonly compression: Compression }
  readonly failure?: string
}

export interface BuildRequest {
  readonly model: string
  /** For those that measure ranges. */
  readonly calibration: string | undefined
  readonly folder: string
  readonly repository: string
  readonly progress: StagedProgress
}

export async function buildCandidates(
  candidates: readonly Candidate[],
  request: BuildRequest,
): Promise<readonly BuiltCandidate[]> {
  const built: BuiltCandidate[] = []
  for (const candidate of candidates) built.push(await build(candidate, request))
  return built
}

async function build(
  candidate: Candidate,
  { model, calibration, folder, repository, progress }: BuildRequest,
): Promise<BuiltCandidate> {
  progress.stage(candidate.label)
  progress.note(`${candidate.label}: ${candidate.why}`)
  const target = join(folder, `${candidate.name}.onnx`)
  const request = { model, recipe: candidateRecipe(candidate), data: calibration, target, isKeyed: true }
  try {
    return { candidate, built: { path: target, compression: await compressFile(request, { progress, repository }) } }
  } catch (error) {
    if (isCancelled(error)) throw error
    return { candidate, failure: asLabError(error).message }
  }
}

// One tensor of a sensitivity analysis in detail: both models are made again, with ranges that the recipe holds by then.

import { spreadIndices } from '../core/calibration/observe'
import { preparePair } from './prepare-pair'
import type { SensitivityRequest } from './sensitivity'
import { activationDetail, weightDetail, type TensorDetail, type TensorName } from './tensor-detail'

/** Throws as `analyseSensitivity`, and `data/invalid` for a tensor that the step does not round. */
export async function lookAtTensor(
  { kind, name }: TensorName,
  { model, recipe, techniques, host, data, samples }: Omit<SensitivityRequest, 'labelOf'>,
): Promise<TensorDetail> {
  const pair = await preparePair(model, recipe, techniques, host)
  if (kind === 'weight') return weightDetail(pair.float, pair.changed, name)
  return activationDetail(pair, name, data, spreadIndices(data.size, samples), host)
}

// The models that the studies of the instrument time: two of the zoo, small and large, and what int8 makes of each.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { ZooModelId } from '../../src/zoo/catalog'
import { buildLathe } from '../cli/run-lathe'
import { makeVariant } from '../full/variants'

export interface StudyModel {
  readonly name: string
  /** As on the command line. */
  readonly reference: string
  readonly data: string
}

const zooModel = (id: ZooModelId, data: string): StudyModel => ({ name: id, reference: `zoo:${id}`, data })
export const DIGITS = zooModel('digits', 'zoo:drawn-digits')
export const RESNET = zooModel('fashion-resnet', 'zoo:fashion-mnist')

/** Of the four; the variants are made anew in `folder`. */
export const STUDY_MODEL_NAMES = ['digits', 'fashion-resnet', 'digits int8-dynamic', 'fashion-resnet int8-static']

/** In the order of `STUDY_MODEL_NAMES`. Compressed in a process of its own, which leaves no trace in the one that times. */
export async function studyModels(folder: string): Promise<readonly StudyModel[]> {
  await buildLathe()
  const digits = await makeVariant({ model: DIGITS.reference, recipe: 'int8-dynamic', folder })
  const data = 'zoo:fashion-mnist-calibration'
  const resnet = await makeVariant({ model: RESNET.reference, recipe: 'int8-static', data, folder })
  return [
    DIGITS,
    RESNET,
    { name: 'digits int8-dynamic', reference: digits.path, data: DIGITS.data },
    { name: 'fashion-resnet int8-static', reference: resnet.path, data: RESNET.data },
  ]
}

/** A folder for the time of `body`. */
export async function inTemporaryFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'lathe-study-'))
  try {
    return await body(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

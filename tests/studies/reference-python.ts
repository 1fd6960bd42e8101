// Runs tools/conformance/reference.py, the reference toolkit, in a process of its own. Python is named by LATHE_PYTHON, else `python3`.

import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { CaseModel, Inputs, MeasuredModel, ReferenceCase } from '../conformance/reference-cases'

const root = join(import.meta.dirname, '../..')
export const pythonName = process.env.LATHE_PYTHON ?? 'python3'
const NEEDED = 'onnx onnxruntime==1.30.0 numpy onnx_ir torch'
const OUTPUT_LIMIT = 2 ** 28

interface ReferenceFile {
  readonly name: string
  readonly options: ReferenceCase
  /** Inside the folder; null where the reference refused, with what it said in `error`. */
  readonly file: string | null
  readonly error: string | null
}
export interface ReferenceFiles extends Omit<CaseModel, 'overrides'>, MeasuredModel {
  /** How many samples the ranges were measured on. */
  readonly samples: number
  readonly madeBy: Readonly<Record<string, string>>
  readonly cases: readonly (ReferenceFile & { readonly overrides?: CaseModel['overrides'][string] })[]
}

/** Standard output. Says what is missing when Python or a package is. */
export async function runPython(script: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(pythonName, [join(root, script), ...args], { maxBuffer: OUTPUT_LIMIT })
    return stdout
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim().split('\n').at(-1) : ''
    const isMissing = /ENOENT/.test(String(cause)) || /ModuleNotFoundError|ImportError/.test(said ?? '')
    const hint = isMissing ? ` It needs Python with: pip install ${NEEDED}; LATHE_PYTHON names its executable.` : ''
    throw new Error(`${pythonName} ${script} ${args.join(' ')} ended badly: ${said || String(cause)}.${hint}`, {
      cause,
    })
  }
}

/** Quantized files of `model` over the grid, in `folder`. */
export async function referenceFiles(model: string, folder: string, isFull: boolean): Promise<ReferenceFiles> {
  await runPython('tools/conformance/reference.py', 'files', model, folder, ...(isFull ? ['--full'] : []))
  return JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8'))
}

/** Two files and the inputs that both take. */
export type Pair = readonly [first: string, second: string, inputs: Inputs]
/** What came of running both files of a pair. */
export interface PairAnswer {
  /** Equal bits; says nothing where one did not run. */
  readonly isSame: boolean
  /** Largest difference. */
  readonly most: number
  /** What ONNX Runtime said to the reference's file and to Lathe's; null where it ran. */
  readonly errors: readonly [reference: string | null, lathe: string | null]
}

export async function runNatively(pairs: readonly Pair[], folder: string): Promise<readonly PairAnswer[]> {
  const file = join(folder, 'pairs.json')
  writeFileSync(file, JSON.stringify(pairs))
  return JSON.parse(await runPython('tools/conformance/reference.py', 'same', file))
}

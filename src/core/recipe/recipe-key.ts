// The identity of a result: SHA-256 over the recipe, the model's hash and the versions of the techniques used. Equal keys mean equal bytes.

import { LabError } from '../errors/lab-error'
import type { Catalog } from './parse-recipe'
import type { Recipe } from './recipe'

/** `modelHash`: see `joinHashes`. Returns 64 hex digits. */
export async function recipeKey(recipe: Recipe, modelHash: string, catalog: Catalog): Promise<string> {
  const versions = recipe.steps.map(({ technique }) => catalog[technique]?.version ?? 0)
  return sha256Hex(new TextEncoder().encode(canonicalJson({ recipe, modelHash, versions })))
}

/**
 * The identity of a model: SHA-256 of its file, hex; with external data, of the hashes of all its files, the .onnx file's first and the others in the
 * order in which the graph names them.
 */
export async function joinHashes(hashes: readonly string[]): Promise<string> {
  const [first = ''] = hashes
  return hashes.length === 1 ? first : sha256Hex(new TextEncoder().encode(hashes.join('\n')))
}

/** Throws `engine/unavailable` in an insecure context, where the browser offers no SHA-256. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (!crypto.subtle) {
    throw new LabError(
      'engine/unavailable',
      'SHA-256 needs a secure context: open this page over https or on localhost.',
    )
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** JSON with the keys of every object in code-unit order, so that equal data give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
}

import { fromBinary, isMessage, toBinary } from '@bufbuild/protobuf'
import { readFileSync } from 'node:fs'
import { ModelProtoSchema } from 'onnx-buf'
import { expect, test } from 'vitest'

import { joinParts } from '../numeric/join-parts'
import { decodeModel } from './decode'
import { encodeParts } from './encode-parts'
import { withoutTexts } from './strip-texts'

/** Clears the texts of a generated message and of all messages in it; returns how many there were. */
function clearTexts(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, item: unknown) => sum + clearTexts(item), 0)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return 0
  let count = 0
  if (isMessage(value)) {
    const message = value as { docString?: string; metadataProps?: unknown[] }
    if (message.docString) count++
    if (message.docString !== undefined) message.docString = ''
    count += message.metadataProps?.length ?? 0
    if (message.metadataProps) message.metadataProps = []
  }
  return Object.values(value).reduce((sum: number, item: unknown) => sum + clearTexts(item), count)
}

test.each(['every-field', 'functions'])('%s.onnx loses its texts and nothing else', (name) => {
  const path = new URL(`../../../tests/fixtures/codec-models/${name}.onnx`, import.meta.url)
  const bytes = new Uint8Array(readFileSync(path))
  const bare = fromBinary(ModelProtoSchema, joinParts(encodeParts(withoutTexts(decodeModel(bytes)))))
  const expected = fromBinary(ModelProtoSchema, bytes)
  const count = clearTexts(expected)
  if (name === 'every-field') expect(count).toBeGreaterThan(10)
  const again = fromBinary(ModelProtoSchema, toBinary(ModelProtoSchema, bare))
  expect(clearTexts(again)).toBe(0)
  clearTexts(bare)
  expect(Buffer.compare(toBinary(ModelProtoSchema, bare), toBinary(ModelProtoSchema, expected))).toBe(0)
})

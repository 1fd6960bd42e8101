import { expect, test } from 'vitest'
import { EngineClient } from '../../src/app/jobs/engine-client'

test('wasm starts', async () => {
  const client = new EngineClient('ort-wasm', 2)
  const start = await client.start()
  console.log(JSON.stringify(start, null, 1), document.baseURI)
  expect(start.facts.selfTests.every((t) => t.ok)).toBe(true)
  client.end()
})
test('webgpu starts', async () => {
  const client = new EngineClient('ort-webgpu', 1)
  const start = await client.start()
  console.log(JSON.stringify(start, null, 1))
  client.end()
})

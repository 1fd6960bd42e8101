import { expect, test } from 'vitest'

import { adapterFacts } from './adapter-facts'

const limits = { maxBufferSize: 4, maxStorageBufferBindingSize: 2, maxComputeWorkgroupStorageSize: 1, maxBindGroups: 8 }
const adapter = (info: Partial<GPUAdapterInfo>, features: readonly string[] = []) =>
  adapterFacts({
    info: { vendor: 'acme', architecture: 'gen-9', device: '', description: '', isFallbackAdapter: false, ...info },
    features: new Set(features),
    limits,
  } as unknown as GPUAdapter)

test.each([
  [{ vendor: 'google', architecture: 'swiftshader' }],
  [{ description: 'llvmpipe (LLVM 19.1.7, 256 bits)' }],
  [{ device: 'Microsoft Basic Render Driver' }],
  [{ description: 'Apple Software Renderer' }],
  [{ isFallbackAdapter: true }],
])('%o is software', (info) => {
  expect(adapter(info).isSoftware).toBe(true)
})

test.each([
  [{ vendor: 'nvidia', architecture: 'ampere' }],
  [{ vendor: 'apple', architecture: 'metal-3' }],
  [{ vendor: 'qualcomm', architecture: 'adreno-7xx' }],
  [{ vendor: 'intel', architecture: 'xe-lpg', description: 'Warpstone' }],
  [{ isFallbackAdapter: undefined } as never],
])('%o is a real GPU', (info) => {
  expect(adapter(info).isSoftware).toBe(false)
})

test('features and limits are those that decide what fits, and no string names the card', () => {
  const info = { device: '0x2204', description: 'Acme GigaCard 9000 Ti, driver 551.23' }
  expect(adapter(info, ['shader-f16', 'timestamp-query', 'depth-clip-control'])).toEqual({
    vendor: 'acme',
    architecture: 'gen-9',
    isSoftware: false,
    hasFloat16: true,
    hasSubgroups: false,
    hasTimestamps: true,
    limits: { maxBufferSize: 4, maxStorageBufferBindingSize: 2, maxComputeWorkgroupStorageSize: 1 },
  })
})

// What is kept of a GPU adapter: its family, whether it is real, and the few limits that decide what fits. No model of card or driver.

import type { AdapterFacts } from '../../src/engines/engine'

/** Names under which software renderers are known, where `isFallbackAdapter` is missing or false. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|software|\bwarp\b/i

export function adapterFacts({
  info,
  features,
  limits,
}: Pick<GPUAdapter, 'info' | 'features' | 'limits'>): AdapterFacts {
  const { vendor, architecture, description, device, isFallbackAdapter } = info
  const names = [vendor, architecture, device, description].join(' ')
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = limits
  return {
    vendor,
    architecture,
    // Missing in older browsers, whatever the types say.
    isSoftware: isFallbackAdapter === true || SOFTWARE.test(names),
    hasFloat16: features.has('shader-f16'),
    hasSubgroups: features.has('subgroups'),
    hasTimestamps: features.has('timestamp-query'),
    limits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize },
  }
}

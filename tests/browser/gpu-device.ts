// The GPU device behind an engine that runs in this thread, for tests that watch or destroy it.

export async function gpuDevice(): Promise<GPUDevice> {
  const { env } = await ('Suspending' in WebAssembly
    ? import('onnxruntime-web/jspi')
    : import('onnxruntime-web/webgpu'))
  return env.webgpu.device
}

/** Counts the buffers that are made and destroyed while `body` runs, on any device. */
export async function countBuffers(
  body: () => Promise<void>,
): Promise<{ readonly made: number; readonly gone: number }> {
  const { createBuffer } = GPUDevice.prototype
  const { destroy } = GPUBuffer.prototype
  let [made, gone] = [0, 0]
  GPUDevice.prototype.createBuffer = function (descriptor) {
    made++
    return createBuffer.call(this, descriptor)
  }
  GPUBuffer.prototype.destroy = function () {
    gone++
    return destroy.call(this)
  }
  try {
    await body()
    return { made, gone }
  } finally {
    GPUDevice.prototype.createBuffer = createBuffer
    GPUBuffer.prototype.destroy = destroy
  }
}

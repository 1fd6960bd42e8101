// Inference whose values never leave the GPU: inputs are uploaded once, outputs stay in buffers that are given back after every run, and
// a run ends when the queue is done. A labelled mode of its own; by default a run is end to end.

import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-web/wasm'

import { LabError } from '../../src/core/errors/lab-error'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import type { BoundRun, EngineTensorInfo } from '../../src/engines/engine'

/** Types that the runtime keeps in GPU buffers, without the 4-bit ones that cannot cross the graph's boundary. */
const GPU_TYPES = ['float32', 'float16', 'int32', 'int64', 'uint32', 'uint8', 'bool'] as const
type GpuType = (typeof GPU_TYPES)[number]
const isGpuType = (dtype: string): dtype is GpuType => (GPU_TYPES as readonly string[]).includes(dtype)

/** Throws `model/unsupported` for the first value whose type cannot be on the GPU. */
export function expectGpuTypes(values: readonly Pick<EngineTensorInfo, 'name' | 'dtype'>[]): void {
  const odd = values.find(({ dtype }) => !isGpuType(dtype))
  if (!odd) return
  const message = `Tensor "${odd.name}" of type ${odd.dtype} cannot stay on the GPU; only ${GPU_TYPES.join(', ')} can.`
  throw new LabError('model/unsupported', message, { tensor: odd.name, dtype: odd.dtype, expected: GPU_TYPES })
}

interface ResidentRequest {
  readonly device: GPUDevice
  /** On the CPU. */
  readonly tensors: Readonly<Record<string, Tensor>>
  readonly run: (inputs: Readonly<Record<string, Tensor>>) => Promise<InferenceSession.ReturnType>
  readonly read: (outputs: InferenceSession.ReturnType) => Promise<NamedValues>
  /** Names what the GPU itself throws. */
  readonly failed: (doing: string) => (error: unknown) => Promise<never>
  readonly engine: string
  readonly make: TensorConstructor & { readonly fromGpuBuffer: typeof Tensor.fromGpuBuffer }
}

export function bindResident(request: ResidentRequest): BoundRun {
  const { device, tensors, run, read, failed, engine, make } = request
  const buffers: GPUBuffer[] = []
  const inputs: Record<string, Tensor> = {}
  for (const [name, tensor] of Object.entries(tensors)) {
    const { type: dataType, dims } = tensor
    if (!isGpuType(dataType)) throw new LabError('internal', `"${name}" of type ${dataType} was let through.`)
    const gpuBuffer = upload(device, bytesOf(tensor))
    buffers.push(gpuBuffer)
    inputs[name] = make.fromGpuBuffer(gpuBuffer, { dataType, dims })
  }
  // A lost device finishes all work at once and reports nothing: without this its runs would look very fast.
  let loss: GPUDeviceLostInfo | undefined
  void device.lost.then((info) => (loss = info))
  const expectDevice = (): void => {
    if (!loss) return
    const message = `${engine} stopped while running the model: the device was lost (${loss.message || loss.reason}).`
    throw new LabError('device/lost', message, { engine, fatal: true })
  }
  return {
    run: async () => {
      for (const output of Object.values(await run(inputs))) output.dispose()
      await device.queue.onSubmittedWorkDone().catch(failed('waiting for the GPU'))
      expectDevice()
    },
    answer: async () => {
      const outputs = await read(await run(inputs))
      expectDevice()
      return outputs
    },
    dispose: () => {
      for (const buffer of buffers.splice(0)) buffer.destroy()
    },
  }
}

/** Whether `device` is or goes lost within `patienceMs`. */
export function isLostWithin(device: GPUDevice, patienceMs: number): Promise<boolean> {
  const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), patienceMs))
  return Promise.race([device.lost.then(() => true), late])
}

/** The runtime binds buffers in units of 16 bytes. */
const UNIT = 16

function upload(device: GPUDevice, bytes: Uint8Array): GPUBuffer {
  const size = Math.max(1, Math.ceil(bytes.length / UNIT)) * UNIT
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
  const buffer = device.createBuffer({ size, usage })
  const padded = new Uint8Array(size)
  padded.set(bytes)
  device.queue.writeBuffer(buffer, 0, padded)
  return buffer
}

function bytesOf({ data }: Tensor): Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  throw new LabError('internal', 'Strings were to be put on the GPU.')
}

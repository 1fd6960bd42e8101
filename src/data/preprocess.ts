// From a decoded image to the input of a vision model, described by data so that a zoo entry or a visitor can state it: colour,
// resize, centre crop, normalisation, layout.

import { LabError } from '../core/errors/lab-error'
import { roundHalfEven } from '../core/numeric/rounding'
import type { TensorValue } from '../core/pass/tensor-value'
import type { RawImage } from './raw-image'
import { resizeImage } from './resize-image'

export interface ImagePreprocessing {
  /** Size that the model takes, pixels. */
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  /** `stretch` to the size of the model; or, keeping proportions, the short side to this many pixels, then a centre crop. */
  readonly resize: 'stretch' | { readonly shortSide: number }
  /** Per channel, of pixels scaled to 0…1: the model sees (pixel / 255 − mean) / std. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly layout: 'NCHW' | 'NHWC'
}

/** A float32 tensor with first axis 1. Throws `options/invalid` for a plan that contradicts itself. */
export function preprocessImage(image: RawImage, plan: ImagePreprocessing): TensorValue {
  verifyPlan(plan)
  const coloured = convertChannels(image, plan.channels)
  const { resize, width, height, channels } = plan
  const fitted =
    resize === 'stretch' ? resizeImage(coloured, width, height) : fitAndCrop(coloured, resize.shortSide, plan)
  const dims = plan.layout === 'NCHW' ? [1, channels, height, width] : [1, height, width, channels]
  return { dtype: 'float32', dims, data: normalize(fitted, plan) }
}

function verifyPlan({ resize, width, height, mean, std, channels }: ImagePreprocessing): void {
  const refuse = (path: string, message: string): never => {
    throw new LabError('options/invalid', message, { path })
  }
  if (mean.length !== channels) refuse('mean', `${mean.length} means were given for ${channels} channels.`)
  if (std.length !== channels) refuse('std', `${std.length} standard deviations were given for ${channels} channels.`)
  if (!std.every((value) => value > 0))
    refuse('std', `Every standard deviation must be above 0, got ${std.join(', ')}.`)
  if (resize !== 'stretch' && resize.shortSide < Math.max(width, height)) {
    refuse('resize', `A short side of ${resize.shortSide} is too small for a crop of ${width} × ${height}.`)
  }
}

/** Grey from RGB by ITU-R 601-2 luma in the integers of Pillow's `convert('L')`; RGB from grey by repeating it. */
export function convertChannels(image: RawImage, channels: 1 | 3): RawImage {
  if (image.channels === channels) return image
  const { width, height, data: source } = image
  const data = new Uint8Array(width * height * channels)
  const at = (index: number): number => source[index] ?? 0
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = 3 * pixel
    if (channels === 1) data[pixel] = (at(from) * 19595 + at(from + 1) * 38470 + at(from + 2) * 7471 + 0x8000) >> 16
    else data.fill(at(pixel), from, from + 3)
  }
  return { width, height, channels, data }
}

/** Like torchvision: the long side is rounded down, the offset of the crop half to even. */
function fitAndCrop(image: RawImage, shortSide: number, { width, height }: ImagePreprocessing): RawImage {
  const short = Math.min(image.width, image.height)
  const scaled = (side: number): number => Math.trunc((shortSide * side) / short)
  const resized = resizeImage(image, scaled(image.width), scaled(image.height))
  const left = roundHalfEven((resized.width - width) / 2)
  const top = roundHalfEven((resized.height - height) / 2)
  return cropImage(resized, { left, top, width, height })
}

export interface CropBox {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** Throws `options/invalid` when the box reaches out of the image. */
export function cropImage(image: RawImage, box: CropBox): RawImage {
  const { left, top, width, height } = box
  if (left < 0 || top < 0 || left + width > image.width || top + height > image.height) {
    const message = `A crop of ${width} × ${height} at ${left}, ${top} reaches out of an image of ${image.width} × ${image.height}.`
    throw new LabError('options/invalid', message, { left, top, width, height })
  }
  const { channels } = image
  const data = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * channels
    data.set(image.data.subarray(from, from + width * channels), y * width * channels)
  }
  return { width, height, channels, data }
}

function normalize(
  { width, height, data }: RawImage,
  { mean, std, layout, channels }: ImagePreprocessing,
): Float32Array {
  const pixels = width * height
  const values = new Float32Array(pixels * channels)
  for (let c = 0; c < channels; c++) {
    // A byte has 256 values, so each channel needs no more divisions than that.
    const level = Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - (mean[c] ?? NaN)) / (std[c] ?? NaN))
    for (let pixel = 0; pixel < pixels; pixel++) {
      const to = layout === 'NCHW' ? c * pixels + pixel : pixel * channels + c
      values[to] = level[data[pixel * channels + c] ?? 0] ?? NaN
    }
  }
  return values
}

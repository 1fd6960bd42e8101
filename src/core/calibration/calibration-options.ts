// Options of how ranges are measured, the same for every technique that measures them: spread them into a technique's options.

import { choice, integer, real, toggle, type OptionSpec, type OptionsOf, type ShowWhen } from '../options/spec'

const CALIBRATION_METHODS = ['min-max', 'moving-average', 'percentile', 'entropy', 'mse'] as const

export const calibrationOptions = {
  calibrationSamples: integer({
    label: 'Calibration samples',
    help: 'Ranges are measured on this many samples, spread evenly over the data at hand.',
    default: 128,
    min: 1,
    max: 4096,
    sweep: [16, 128],
  }),
  calibrationMethod: choice({
    label: 'Range from',
    help: 'Smallest and largest value seen, their mean over the samples, or a cut-off that ignores rare outliers.',
    choices: CALIBRATION_METHODS,
    default: 'min-max',
    sweep: CALIBRATION_METHODS,
  }),
  percentile: real({
    label: 'Percentile',
    help: 'Share of the values that stay inside the range; the rest is clipped.',
    default: 99.999,
    min: 50,
    max: 100,
    unit: '%',
    showWhen: { calibrationMethod: 'percentile' },
  }),
  histogramBins: integer({
    label: 'Bins of the histogram',
    help: 'For percentile, entropy and MSE. The answer of entropy depends on it a lot.',
    default: 2048,
    min: 16,
    max: 8192,
    advanced: true,
    group: 'Measuring ranges',
  }),
  quantizedBins: integer({
    label: 'Quantized bins',
    help: 'Bins that entropy compares the histogram with. Not above the bins of the histogram.',
    default: 128,
    min: 2,
    max: 8192,
    showWhen: { calibrationMethod: 'entropy' },
    advanced: true,
    group: 'Measuring ranges',
  }),
  symmetricRanges: toggle({
    label: 'Symmetric ranges',
    help: 'Zero in the middle of every range, though a percentile is still cut to what the data reach. Entropy ignores it.',
    default: false,
    advanced: true,
    group: 'Measuring ranges',
  }),
  calibrationStride: integer({
    label: 'Samples at once',
    help: 'Ranges of so many samples are taken together and then merged with those before. 0 takes all samples together.',
    default: 0,
    min: 0,
    max: 4096,
    advanced: true,
    group: 'Measuring ranges',
  }),
  averagingConstant: real({
    label: 'Weight of later samples',
    help: 'How far each later group of samples moves the average, when samples are not taken all at once.',
    default: 0.01,
    min: 0,
    max: 1,
    showWhen: { calibrationMethod: 'moving-average' },
    advanced: true,
    group: 'Measuring ranges',
  }),
}

/** The same for a technique that measures ranges only where an option has a certain value. */
export function calibrationOptionsWhen(condition: ShowWhen): typeof calibrationOptions {
  const when = <O extends OptionSpec>(option: O): O => ({ ...option, showWhen: { ...condition, ...option.showWhen } })
  return {
    calibrationSamples: when(calibrationOptions.calibrationSamples),
    calibrationMethod: when(calibrationOptions.calibrationMethod),
    percentile: when(calibrationOptions.percentile),
    histogramBins: when(calibrationOptions.histogramBins),
    quantizedBins: when(calibrationOptions.quantizedBins),
    symmetricRanges: when(calibrationOptions.symmetricRanges),
    calibrationStride: when(calibrationOptions.calibrationStride),
    averagingConstant: when(calibrationOptions.averagingConstant),
  }
}

export type CalibrationOptions = OptionsOf<typeof calibrationOptions>

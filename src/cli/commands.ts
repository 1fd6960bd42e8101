// The commands of the terminal as data: what each takes and does. `main.ts` knows the code behind them.

import { GOALS } from '../advisor/goals'
import { ENGINE_IDS } from '../engines/engine'
import { presets } from '../techniques/presets'
import { defineCommand } from './command'

const MODEL = 'MODEL is an .onnx file (external data beside it) or zoo:NAME.'
const DATA =
  'DATA is zoo:NAME, an .npz file (one array per input, first axis = samples, optional labels) or a folder of them.'
const ENGINES = ENGINE_IDS.flatMap((id) => (id === 'ort-wasm' ? ['ort-wasm:THREADS'] : [id])).join(', ')
const RATIOS = 'Ratios are variant ÷ original: below 1 is smaller or faster.'

const data = { kind: 'text', value: 'DATA', help: 'Real inputs, with labels where they have them.' } as const
const where = {
  kind: 'choice',
  value: 'PLACE',
  choices: ['node', 'browser'],
  help: 'Node, or a headless Chromium; Node where it has the engine if not given.',
} as const
const freeDimensions = {
  kind: 'list',
  value: 'NAME=SIZE',
  help: 'Size of a symbolic dimension; others take a stated default.',
} as const

/** The data sets are in stratified order, so their first samples are balanced. */
export const DEMO_SAMPLES = 2000

export const commands = {
  inspect: defineCommand({
    name: 'inspect',
    summary: 'Reads a model and prints what is in it.',
    positionals: { usage: 'MODEL', min: 1, max: 1 },
    options: {},
    remarks: [MODEL],
  }),
  techniques: defineCommand({
    name: 'techniques',
    summary: 'Lists the techniques with every option.',
    positionals: { usage: '', min: 0, max: 0 },
    options: {},
  }),
  compress: defineCommand({
    name: 'compress',
    summary: 'Runs a recipe on a model.',
    positionals: { usage: 'MODEL', min: 1, max: 1 },
    options: {
      recipe: {
        kind: 'text',
        short: 'r',
        value: 'RECIPE',
        isRequired: true,
        help: 'A built-in name or a recipe file.',
      },
      output: { kind: 'text', short: 'o', value: 'OUT', isRequired: true, help: 'Where the result goes.' },
      data: { ...data, help: 'Real inputs for recipes that measure ranges.' },
      ranges: {
        kind: 'text',
        value: 'FILE',
        help: 'Ranges to take instead of measuring: a cache of ONNX Runtime or {"tensor": [min, max]}.',
      },
      'save-ranges': { kind: 'text', value: 'FILE', help: "Writes the ranges used, as ONNX Runtime's cache." },
      report: { kind: 'text', value: 'FILE', help: 'Writes the JSON answer to a file too.' },
    },
    remarks: [
      MODEL,
      DATA,
      `RECIPE is one of ${Object.keys(presets).join(', ')}, or a JSON file {"version": 1, "seed": 0, "steps": [{"technique", "options"}]}.`,
    ],
  }),
  compare: defineCommand({
    name: 'compare',
    summary:
      'Compares the answers of variants with those of the original, and their accuracy where the data have labels.',
    positionals: { usage: 'A B…', min: 2, max: 17 },
    options: {
      data,
      engine: { kind: 'text', value: 'ENGINE', help: 'Where the models run; ort-wasm:1 if not given.' },
      samples: {
        kind: 'number',
        value: 'N',
        default: 0,
        min: 0,
        max: 1e6,
        help: 'Samples to use; 0 takes all of them.',
      },
      dimension: freeDimensions,
    },
    remarks: [
      MODEL,
      DATA,
      `ENGINE: ${ENGINES}.`,
      'Without --data the inputs are synthetic and seeded, and the answer says so.',
    ],
  }),
  sensitivity: defineCommand({
    name: 'sensitivity',
    summary: 'Finds the tensors and layers that a recipe hurts, on real data.',
    positionals: { usage: 'MODEL', min: 1, max: 1 },
    options: {
      recipe: {
        kind: 'text',
        short: 'r',
        value: 'RECIPE',
        isRequired: true,
        help: 'A built-in name or a recipe file; its first step that can leave operators in float is analysed.',
      },
      data: { ...data, isRequired: true },
      samples: {
        kind: 'number',
        value: 'N',
        default: 32,
        min: 1,
        max: 1e5,
        help: 'Samples to run, evenly spread.',
      },
      top: { kind: 'number', value: 'N', default: 10, min: 1, max: 1e5, help: 'Rows of each table in text.' },
    },
    remarks: [
      MODEL,
      DATA,
      'sqnrDb is a signal-to-noise ratio: 20 dB is a tenth of the signal lost, 40 dB a hundredth.',
      'metricDrop is the fraction of right answers lost by changing this layer alone; of agreeing ones where the data have no labels.',
    ],
  }),
  bench: defineCommand({
    name: 'bench',
    summary: 'Times models, interleaved, and says which differences may be claimed.',
    // Under --self-check nothing need be named; `run/bench-options.ts` asks for A otherwise.
    positionals: { usage: 'A [B…]', min: 0, max: 17 },
    options: {
      engine: { kind: 'list', value: 'ENGINE', help: 'Where the models run; ort-wasm:1 if not given.' },
      where,
      seconds: {
        kind: 'number',
        value: 'S',
        default: 20,
        min: 1,
        max: 3600,
        help: 'Time to sample, after the warm-up.',
      },
      margin: {
        kind: 'number',
        value: 'M',
        default: 0.02,
        min: 0.01,
        max: 0.5,
        help: 'Ratios this near to 1 are the same.',
      },
      'self-check': {
        kind: 'flag',
        help: 'Checks the device on A (zoo:digits if not given): races it against itself and 21 runs against 20, and widens the margin where equal sessions differ.',
      },
      sweep: {
        kind: 'choice',
        value: 'WHAT',
        choices: ['threads', 'engines'],
        help: 'Races A on 1, 2, … threads of ort-wasm, or on every engine, and ranks them.',
      },
      sustained: {
        kind: 'flag',
        help: 'Runs for the whole time, such as --seconds 300 or 1800, and says how much speed is kept.',
      },
      resident: {
        kind: 'flag',
        help: 'Times ort-webgpu with inputs and outputs staying on the GPU instead of from CPU to CPU.',
      },
      sessions: {
        kind: 'choice',
        value: 'HOW',
        choices: ['together', 'in-turn'],
        help: 'Whether all sessions are open at once; by memory if not given.',
      },
      samples: { kind: 'text', value: 'FILE', help: 'Writes every raw sample of every race to a JSON file.' },
      seed: {
        kind: 'number',
        value: 'N',
        default: 0,
        min: 0,
        max: 2 ** 32 - 1,
        help: 'Seed of orders and synthetic inputs.',
      },
      data,
      dimension: freeDimensions,
    },
    remarks: [MODEL, DATA, `ENGINE: ${ENGINES}.`, RATIOS, 'Threads are 1 unless the engine names another number.'],
  }),
  probe: defineCommand({
    name: 'probe',
    summary: 'Times small operators in every number format on an engine: what is worth trying on this device.',
    positionals: { usage: '', min: 0, max: 0 },
    options: {
      engine: { kind: 'list', value: 'ENGINE', help: 'Repeat it for several; ort-wasm:1 if not given.' },
      where,
      seconds: {
        kind: 'number',
        value: 'S',
        default: 2,
        min: 0,
        max: 600,
        help: 'Time to sample, after checks; a few rounds are always run.',
      },
      save: { kind: 'text', value: 'FILE', help: 'Writes the tables as JSON, for another device or a colleague.' },
    },
    remarks: [
      `ENGINE: ${ENGINES}.`,
      'Ratios are format ÷ float32: below 1 is faster. They are hints; `bench` and `best` race whole models.',
    ],
  }),
  best: defineCommand({
    name: 'best',
    summary: 'Finds the best form of a model for this device by a race of a few recipes, or keeps the original.',
    positionals: { usage: 'MODEL', min: 1, max: 1 },
    options: {
      goal: {
        kind: 'choice',
        value: 'GOAL',
        choices: GOALS,
        help: 'The fastest, the smallest that is not slower, or the most exact of about half the size; speed if not given.',
      },
      data: { ...data, help: 'Real inputs for ranges and answers; models of the zoo bring theirs.' },
      calibration: { ...data, help: 'Real inputs for ranges alone, where those of --data are to judge by only.' },
      engine: { kind: 'text', value: 'ENGINE', help: 'Where it is to be fast; ort-wasm:1 if not given.' },
      where,
      seconds: {
        kind: 'number',
        value: 'S',
        default: 60,
        min: 1,
        max: 3600,
        help: 'Time to sample in the race, after the warm-up.',
      },
      samples: {
        kind: 'number',
        value: 'N',
        default: DEMO_SAMPLES,
        min: 0,
        max: 1e6,
        help: 'Samples to compare the answers on; 0 takes all of them.',
      },
      probe: { kind: 'text', value: 'FILE', help: 'A table of `probe --save` to take instead of probing.' },
      output: {
        kind: 'text',
        short: 'o',
        value: 'OUT',
        help: 'Writes the winner; nothing where the original is kept.',
      },
      dimension: freeDimensions,
    },
    remarks: [
      MODEL,
      DATA,
      `ENGINE: ${ENGINES}.`,
      RATIOS,
      'Whose answers do not hold cannot win: more than a point of accuracy, a class in ten, or a tenth of the outputs lost.',
    ],
  }),
  demo: defineCommand({
    name: 'demo',
    summary:
      'Does the main job on two models of the zoo, in Node (WASM, 1 thread): compress, time, compare the answers.',
    positionals: { usage: '', min: 0, max: 0 },
    options: {
      full: { kind: 'flag', help: `All samples of the data instead of the first ${DEMO_SAMPLES}.` },
      seconds: {
        kind: 'number',
        value: 'S',
        default: 90,
        min: 1,
        max: 3600,
        help: 'Time to sample for each model, after the warm-up.',
      },
    },
  }),
} as const

export type CommandName = keyof typeof commands

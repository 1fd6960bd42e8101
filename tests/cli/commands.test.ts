// The contract of docs/cli.md, held against the built command line: answers, exit status, and what is left behind.

import { createHash } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { summarizeModel } from '../../src/core/report/model-summary'
import { decodeModel } from '../../src/core/onnx/decode'
import { catalog } from '../../src/techniques/catalog'
import { commands } from '../../src/cli/commands'
import { npy } from '../fixtures/npy-file'
import { presets } from '../../src/techniques/presets'
import { buildLathe, lathe, latheJson } from './run-lathe'

let folder: string
const at = (name: string): string => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lathe-cli-'))
  await buildLathe()
}, 60_000)
afterAll(() => rm(folder, { recursive: true }))

/** A failed command: status 2, one line that says what was wrong, nothing else. */
async function expectRefusal(args: readonly string[], line: RegExp): Promise<void> {
  const { status, stdout, stderr } = await lathe(...args)
  expect(stderr).toMatch(line)
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
}

describe('help', () => {
  it('lists the commands, and every command explains itself', async () => {
    const { status, stdout } = await lathe('--help')
    expect(status).toBe(0)
    for (const name of Object.keys(commands)) expect(stdout).toContain(name)
    const helps = await Promise.all(Object.keys(commands).map((name) => lathe(name, '--help')))
    for (const help of helps) expect(help).toMatchObject({ status: 0, stderr: '' })
  })
})

describe('refusals', () => {
  it.each([
    [[], /^lathe: There is no command; expected one of: inspect, /],
    [['shrink'], /^lathe: "shrink" is no command; expected one of: inspect, /],
    [['inspect'], /^lathe: inspect expects MODEL, got nothing\.$/m],
    [['inspect', 'a.onnx', '--colour'], /^lathe: "--colour" is no option of inspect; expected one of: --json/],
    [['inspect', 'a.onnx'], /^lathe: "a\.onnx" does not exist; expected a model: an \.onnx file or zoo:NAME\.$/m],
    [['inspect', 'zoo:nothing'], /^lathe: The zoo has no model "nothing"; it has digits, /],
    [['inspect', 'src'], /^lathe: "src" is no file; expected a model/],
    [['inspect', 'package.json'], /^lathe: package\.json: This looks like JSON text, expected an ONNX model\.$/m],
    [['compress', 'zoo:digits', '-o', 'x.onnx'], /^lathe: compress needs -r RECIPE/],
    [
      ['compress', 'zoo:digits', '-r', 'tiny', '-o', 'x.onnx'],
      /^lathe: "tiny" does not exist; expected a recipe file or one of: copy, /,
    ],
    [
      ['compress', 'zoo:digits', '-r', 'copy', '-o', 'no/such/x.onnx'],
      /^lathe: The folder of "no\/such\/x\.onnx" does not exist/,
    ],
    [
      ['compress', 'zoo:digits', '-r', 'copy', '-o', 'src'],
      /^lathe: "src" is a folder; expected the name of a file\.$/m,
    ],
    [
      ['compare', 'zoo:digits', 'zoo:efficientnet-lite0', '--data', 'zoo:no'],
      /^lathe: The zoo has no data set "no"; it has /,
    ],
    [
      ['compare', 'zoo:digits', 'zoo:digits', '--data', 'src'],
      /^lathe: "src" holds folders; folders of images are not supported yet/,
    ],
    [
      ['bench', 'zoo:digits', '--engine', 'tfjs-cpu'],
      /^lathe: --engine is "tfjs-cpu"; expected one of: ort-wasm, ort-webgpu, or ort-wasm:N/,
    ],
    [
      ['bench', 'zoo:digits', '--engine', 'ort-webgpu', '--where', 'node'],
      /^lathe: --where is "node", where ort-webgpu does not run/,
    ],
    [['bench', 'zoo:digits', '--dimension', 'batch'], /^lathe: --dimension is "batch"; expected NAME=SIZE/],
    [['bench'], /^lathe: bench expects A \[B…\], got nothing\.$/m],
    [['bench', 'zoo:digits', '--sustained'], /^lathe: --sustained runs for --seconds 20; expected 60 or more/],
    [['bench', 'zoo:digits', '--resident'], /^lathe: --resident keeps values on a GPU, which ort-wasm:1 does not have/],
    [
      ['bench', 'zoo:digits', '--sessions', 'apart'],
      /^lathe: --sessions is "apart"; expected one of: together, in-turn/,
    ],
    [
      ['bench', 'zoo:digits', '--samples', 'no/such/s.json'],
      /^lathe: The folder of "no\/such\/s\.json" does not exist/,
    ],
    [['bench', 'zoo:digits', 'zoo:digits', '--sweep', 'threads'], /is one model too many; expected one for --sweep/],
    [['bench', 'zoo:digits', '--sweep', 'threads', '--self-check'], /^lathe: --self-check does not go with --sweep/],
    [
      ['bench', 'zoo:digits', '--sweep', 'engines', '--engine', 'ort-wasm:2'],
      /^lathe: --sweep engines has only ort-wasm:2; expected two engines or more/,
    ],
  ])('%j', (args, line) => expectRefusal(args, line))

  it('a browser that is not there is said with what to install', async () => {
    vi.stubEnv('CHROME_PATH', '')
    vi.stubEnv('PATH', '/nowhere')
    const refused = expectRefusal(
      ['bench', 'zoo:digits', '--where', 'browser'],
      /^lathe: No Chromium found: set CHROME_PATH, or install one/,
    )
    vi.unstubAllEnvs()
    await refused
  })

  it('a TF.js model is named as such', async () => {
    await writeFile(at('model.json'), '{"format": "graph-model", "modelTopology": {}}')
    await expectRefusal(
      ['inspect', at('model.json')],
      /is a TF\.js model; these are not supported yet, expected an \.onnx file/,
    )
  })

  it('a truncated model is named with its file', async () => {
    const bytes = await readFile('public/zoo/digits/model.onnx')
    await writeFile(at('cut.onnx'), bytes.subarray(0, 1000))
    await expectRefusal(['inspect', at('cut.onnx')], /^lathe: .*cut\.onnx: /)
  })

  it('weights that are missing beside the model are named', async () => {
    await copyFile('tests/fixtures/codec-models/external.onnx', at('external.onnx'))
    await expectRefusal(
      ['inspect', at('external.onnx')],
      /stand in "external\.data", which cannot be read; expected it beside external\.onnx/,
    )
  })
})

describe('inspect', () => {
  it('answers with every field of the contract', async () => {
    const bytes = await readFile('public/zoo/digits/model.onnx')
    const summary = summarizeModel(decodeModel(bytes), bytes.byteLength, { freeDimensions: { batch: 1 } })
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    expect(await latheJson('inspect', 'zoo:digits')).toEqual({ ...summary, freeDimensions: { batch: 1 }, sha256 })
    expect(Object.keys(summary)).toEqual(
      expect.arrayContaining(
        'format irVersion opsets inputs outputs nodeCount opCounts parameters sizeBytes bytesByDtype macs warnings'.split(
          ' ',
        ),
      ),
    )
  })

  it('reads weights beside the model and counts their bytes', async () => {
    const sizes = await Promise.all(
      ['external.onnx', 'external.data'].map(
        async (name) => (await readFile(`tests/fixtures/codec-models/${name}`)).byteLength,
      ),
    )
    const { sizeBytes } = await latheJson('inspect', 'tests/fixtures/codec-models/external.onnx')
    expect(sizeBytes).toBe(sizes.reduce((a, b) => a + b))
  })

  it('shows a person the same', async () => {
    const { stdout } = await lathe('inspect', 'zoo:digits')
    expect(stdout).toMatch(/^size +341 kB \(constants: float32/m)
    expect(stdout).toMatch(/^input +image {2}float32 \[batch, 1, 28, 28\]$/m)
  })
})

describe('techniques', () => {
  it('answers with the catalogue', async () => {
    const answer: unknown = await latheJson('techniques')
    expect(answer).toEqual(JSON.parse(JSON.stringify(Object.values(catalog))))
  })
})

describe('compress', () => {
  it('writes the result and the same report to standard output and to a file', async () => {
    const answer = await latheJson(
      'compress',
      'zoo:digits',
      '-r',
      'int8-weights',
      '-o',
      at('w.onnx'),
      '--report',
      at('w.json'),
    )
    expect(JSON.parse(await readFile(at('w.json'), 'utf8'))).toEqual(answer)
    const written = await readFile(at('w.onnx'))
    const { parameters } = summarizeModel(decodeModel(written), written.byteLength)
    expect(answer).toMatchObject({
      input: { file: 'zoo:digits', sizeBytes: 341304 },
      output: { file: at('w.onnx'), sizeBytes: written.byteLength, parameters },
      steps: presets['int8-weights'].steps.map(({ technique }) => ({ technique })),
      totalMs: expect.any(Number),
      recipe: { version: 1, seed: 0 },
      recipeKey: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(answer['peakBytes']).toBeGreaterThan(written.byteLength)
    expect(written.byteLength).toBeLessThan(0.35 * 341304)
  })

  it('gives the same bytes and key for the same model and recipe, and repeats a calibrated recipe without its data', async () => {
    const data = ['--data', 'zoo:drawn-digits-calibration']
    const first = await latheJson('compress', 'zoo:digits', '-r', 'int8-static', '-o', at('s1.onnx'), ...data)
    await writeFile(at('s.json'), JSON.stringify(first['recipe']))
    const second = await latheJson('compress', 'zoo:digits', '-r', at('s.json'), '-o', at('s2.onnx'))
    expect(second['recipeKey']).toBe(first['recipeKey'])
    expect(await readFile(at('s2.onnx'))).toEqual(await readFile(at('s1.onnx')))
  })

  it('gives another key when the weights beside the file are others', async () => {
    const [model, data] = ['external.onnx', 'external.data'].map((name) => join('tests/fixtures/codec-models', name))
    const folder = await mkdtemp(at('other-weights-'))
    await copyFile(String(model), join(folder, 'external.onnx'))
    const weights = await readFile(String(data))
    weights[0] = (weights[0] ?? 0) ^ 1
    await writeFile(join(folder, 'external.data'), weights)
    const compress = (path: string) => latheJson('compress', path, '-r', 'copy', '-o', at('external-copy.onnx'))
    const [first, second] = [await compress(String(model)), await compress(join(folder, 'external.onnx'))]
    expect(second['recipeKey']).not.toBe(first['recipeKey'])
  })

  it('saves ranges that give the same bytes in the place of data, and names the file as their source', async () => {
    const data = ['--data', 'zoo:drawn-digits-calibration']
    const saving = ['--save-ranges', at('ranges.json')]
    await latheJson('compress', 'zoo:digits', '-r', 'int8-static', '-o', at('r1.onnx'), ...data, ...saving)
    const cache = JSON.parse(await readFile(at('ranges.json'), 'utf8'))
    expect(cache).toMatchObject({ CLS: 'TensorsData', calibration_method: { CLS: 'CalibrationMethod' } })
    const ranges = ['--ranges', at('ranges.json')]
    const { recipe } = await latheJson('compress', 'zoo:digits', '-r', 'int8-static', '-o', at('r2.onnx'), ...ranges)
    expect(recipe).toMatchObject({ calibration: { source: 'file:ranges.json', indices: [] } })
    expect(await readFile(at('r2.onnx'))).toEqual(await readFile(at('r1.onnx')))
  })

  it('refuses ranges by the place of what is wrong, and where the recipe has no use for them', async () => {
    await writeFile(at('wrong.json'), '{"x": [1, 0]}')
    const quantize = ['compress', 'zoo:digits', '-r', 'int8-static', '-o', at('bad.onnx')]
    await expectRefusal([...quantize, '--ranges', at('wrong.json')], /^lathe: x is .*lower bound that is not above/)
    await expectRefusal([...quantize, '--ranges', at('none.json')], /does not exist; expected a file of ranges/)
    const copy = ['compress', 'zoo:digits', '-r', 'copy', '-o', at('bad.onnx')]
    await expectRefusal([...copy, '--save-ranges', at('wrong.json')], /^lathe: --save-ranges needs a recipe that meas/)
  })

  it('refuses a recipe that needs data when there are none, and leaves what stood at the target', async () => {
    await writeFile(at('kept.onnx'), 'kept')
    await expectRefusal(['compress', 'zoo:digits', '-r', 'int8-static', '-o', at('kept.onnx')], /real data/)
    expect(await readFile(at('kept.onnx'), 'utf8')).toBe('kept')
  })

  it.each([
    [
      { version: 1, steps: [{ technique: 'shrink' }] },
      /steps\[0\]\.technique is "shrink", expected one of "fold-batch-norm"/,
    ],
    [
      { version: 1, steps: [{ technique: 'quantize-weights', options: { weightType: 'int3' } }] },
      /steps\[0\]\.options\.weightType is "int3", expected one of "int8", "uint8"/,
    ],
    [{ version: 9, steps: [] }, /The recipe has version 9/],
  ])('refuses the recipe %j by the path of what is wrong', async (recipe, line) => {
    await writeFile(at('bad.json'), JSON.stringify(recipe))
    await expectRefusal(['compress', 'zoo:digits', '-r', at('bad.json'), '-o', at('bad.onnx')], line)
  })

  it('leaves no unfinished files', async () => {
    expect((await readdir(folder)).filter((name) => name.startsWith('.') || name === 'bad.onnx')).toEqual([])
  })

  it('is silent on standard error unless --verbose asks for progress', async () => {
    const { stderr } = await lathe('compress', 'zoo:digits', '-r', 'copy', '-o', at('copy.onnx'), '--verbose')
    expect(stderr).toBe('')
    const verbose = await lathe('compress', 'zoo:digits', '-r', 'fp16', '-o', at('fp16.onnx'), '--verbose')
    expect(verbose.stderr).toMatch(/^\d+ % {2}Half precision/m)
  })
})

/** An .npz with `image` [count, 1, 28, 28] of a constant brightness a sample, and labels. */
async function writeNpz(path: string, labels: readonly number[]): Promise<void> {
  const pixels = new Float32Array(labels.length * 784).map((_, index) => ((index / 784) | 0) / labels.length)
  const files = {
    'image.npy': npy('<f4', [labels.length, 1, 28, 28], new Uint8Array(pixels.buffer)),
    'labels.npy': npy('<i8', [labels.length], new Uint8Array(BigInt64Array.from(labels, BigInt).buffer)),
  }
  await writeFile(path, zipSync(files))
}

describe('compare', () => {
  it('uses seeded synthetic inputs without data, and says so', async () => {
    await lathe('compress', 'zoo:digits', '-r', 'copy', '-o', at('copy.onnx'))
    const answer = await latheJson('compare', 'zoo:digits', at('copy.onnx'))
    expect(answer).toMatchObject({
      inputs: { source: 'synthetic', isSynthetic: true, samples: 16 },
      outputs: [{ name: 'logits', maxAbs: 0, rmse: 0, cosine: 1, sqnrDb: null, isIdentical: true }],
      top1Agreement: 1,
      accuracy: null,
    })
    expect((await lathe('compare', 'zoo:digits', at('copy.onnx'))).stdout).toContain(
      'synthetic inputs (seeded, not real data)',
    )
  })

  it('gives paired accuracy with its interval where the data have labels', async () => {
    await lathe('compress', 'zoo:digits', '-r', 'fp16', '-o', at('fp16.onnx'))
    const answer = await latheJson(
      'compare',
      'zoo:digits',
      at('fp16.onnx'),
      at('copy.onnx'),
      '--data',
      'zoo:drawn-digits',
      '--samples',
      '100',
    )
    expect(answer).toMatchObject({
      top1Agreement: expect.any(Number),
      variants: [{ file: at('fp16.onnx') }, { file: at('copy.onnx') }],
    })
    const { a, b, difference, ci95, n } = answer['accuracy'] as Record<string, number> & {
      ci95: readonly [number, number]
    }
    expect(n).toBe(100)
    expect(a).toBeGreaterThan(0.8)
    expect(difference).toBeCloseTo((b ?? NaN) - (a ?? NaN), 12)
    // Tango's interval without any change: ± z²/(n + z²).
    if (difference === 0) expect(ci95[1]).toBeCloseTo(1.96 ** 2 / (100 + 1.96 ** 2), 3)
  })

  it('reads an .npz and a folder of them', async () => {
    await mkdir(at('parts'), { recursive: true })
    await writeNpz(at('all.npz'), [0, 1, 2, 3, 4, 5])
    await writeNpz(at('parts/a.npz'), [0, 1, 2])
    await writeNpz(at('parts/b.npz'), [3, 4])
    const one = await latheJson('compare', 'zoo:digits', at('copy.onnx'), '--data', at('all.npz'))
    const two = await latheJson('compare', 'zoo:digits', at('copy.onnx'), '--data', at('parts'))
    expect([one, two].map(({ accuracy }) => (accuracy as { n: number }).n)).toEqual([6, 5])
  })
})

describe('bench', () => {
  it('answers with every field of the contract', async () => {
    await lathe('compress', 'zoo:digits', '-r', 'int8-weights', '-o', at('w.onnx'))
    const answer = await latheJson(
      'bench',
      'zoo:digits',
      at('w.onnx'),
      '--seconds',
      '1',
      '--data',
      'zoo:drawn-digits',
      '--samples',
      at('samples.json'),
    )
    expect(answer).toMatchObject({
      environment: { where: 'node', engine: { id: 'ort-wasm', build: 'wasm', threads: 1 } },
      variants: ['zoo:digits', at('w.onnx')].map((file) => ({
        file,
        engine: 'ort-wasm:1',
        kernelCheck: { ok: true },
        ci95: null,
      })),
      ratios: [{ a: 'zoo:digits', b: at('w.onnx') }],
      inputs: { source: 'zoo:drawn-digits', isSynthetic: false },
    })
    const fields = 'file engine loadMs sessionMs firstRunMs medianMs p90Ms n ci95 drift kernelCheck fidelity'.split(' ')
    const [variant] = answer['variants'] as readonly object[]
    expect(Object.keys(variant ?? {})).toEqual(expect.arrayContaining(fields))
    const [ratio] = answer['ratios'] as readonly Record<string, unknown>[]
    expect(Object.keys(ratio ?? {})).toEqual(
      expect.arrayContaining('a b ratio ci95 verdict blocks looks stopped restarts'.split(' ')),
    )
    expect(['faster', 'slower', 'same', 'undecided']).toContain(ratio?.['verdict'])
    expect(ratio?.['ratio']).toBeGreaterThan(0)
    const sha256 = createHash('sha256')
      .update(await readFile(at('w.onnx')))
      .digest('hex')
    expect(answer['files']).toMatchObject([
      { file: 'zoo:digits', sizeBytes: 341304 },
      { file: at('w.onnx'), sha256 },
    ])
    expect(answer['races']).toMatchObject([
      {
        ...{ engine: 'ort-wasm:1', mode: 'compare', residency: 'cpu', margin: 0.02, sessions: { open: 'together' } },
        ...{ warmUp: { rule: { minRuns: 60, minMs: 3000 } }, events: {}, voidedBlocks: {}, retention: null },
      },
    ])
    expect(answer['environment']).toMatchObject({ conditions: { end: { pageVisible: true } } })
    // Raw samples are in the file and nowhere else.
    expect(JSON.stringify(answer)).not.toContain('samplesMs')
    const samples = JSON.parse(await readFile(at('samples.json'), 'utf8'))
    const { comparison } = samples.engines[0].race
    expect(comparison.trace.length).toBeGreaterThanOrEqual(4 * comparison.pairs[0].blocks)
    expect(comparison.trace[0].samplesMs.length).toBeGreaterThan(0)
    expect(comparison.pairs[0].ratio).toBe(ratio?.['ratio'])
  }, 60_000)

  it('--self-check without a model checks the device on the digits, in less than half a minute', async () => {
    const answer = await latheJson('bench', '--self-check', '--seconds', '2')
    expect(answer).toMatchObject({
      variants: [{ file: 'zoo:digits', engine: 'ort-wasm:1', kernelCheck: { ok: true } }],
      ratios: [],
      selfChecks: [
        {
          ...{ engine: 'ort-wasm:1', file: 'zoo:digits', askedMargin: 0.02 },
          ...{ same: { races: 1 }, known: { races: 1 } },
          pairs: [{ kind: 'same' }, { kind: 'known' }],
        },
      ],
    })
    const [{ floor, margin, pairs }] = answer['selfChecks'] as readonly [
      Record<string, number> & { pairs: readonly { ratio: number }[] },
    ]
    expect(margin).toBe(2 * (floor ?? NaN))
    expect(floor).toBeGreaterThanOrEqual(0.01)
    // Whatever else runs on this machine, 21 runs take about as long as 20, and not as long as 30.
    expect(pairs[1]?.ratio).toBeGreaterThan(0.8)
    expect(pairs[1]?.ratio).toBeLessThan(1.35)
  }, 60_000)

  it('--sweep races one model on several engines and ranks them', async () => {
    const engines = ['--engine', 'ort-wasm:1', '--engine', 'ort-wasm']
    const answer = await latheJson('bench', 'zoo:digits', '--sweep', 'engines', ...engines, '--seconds', '1')
    const variants = answer['variants'] as readonly Record<string, unknown>[]
    expect(variants.map(({ engine }) => engine).toSorted()).toEqual(['ort-wasm', 'ort-wasm:1'])
    for (const variant of variants) {
      expect(variant).toMatchObject({ file: 'zoo:digits', status: 'timed', kernelCheck: { ok: true } })
      expect(variant['medianMs']).toBeGreaterThan(0)
      expect([1, 2]).toContain(variant['rank'])
    }
    expect(answer).toMatchObject({
      ratios: [{ a: 'zoo:digits', b: 'zoo:digits', engine: 'ort-wasm', against: 'ort-wasm:1' }],
      sweep: { kind: 'engines', relativeTo: 'ort-wasm:1' },
      races: [{ files: ['ort-wasm:1', 'ort-wasm'], sessions: null }],
    })
  }, 60_000)
})

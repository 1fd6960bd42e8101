import { readFileSync } from 'node:fs'

import { expect, test } from '@playwright/test'

import { BenchPage, SAMPLES } from './bench-page'

const MODELS = 'tests/fixtures/models'

test('open and compare: a sample races at once, from page to verdict within 20 seconds, with its evidence', async ({
  page,
}) => {
  const bench = new BenchPage(page)
  const start = Date.now()
  await bench.open()
  await bench.raceSample(SAMPLES.digits)
  await expect(bench.verdict).toContainText(/(faster|slower|same|undecided|twice)/i)
  const seconds = (Date.now() - start) / 1000
  console.log(`first contact: ${seconds.toFixed(1)} s`)
  expect(seconds).toBeLessThanOrEqual(20)
  await expect(bench.verdict).toContainText(/Accuracy .* points \(.*n = 500\)/)
  await expect(bench.verdict).toContainText(/in this browser \(.*WASM, 1 thread\)/)
  await expect(page.getByRole('region', { name: 'Size of the file' })).toContainText('kB')
  await expect(page.getByRole('region', { name: 'Latency per run' })).toContainText(/95 % interval [\s\S]* blocks/)
  await expect(page.getByRole('region', { name: 'How close the outputs are' })).toContainText('dB')
  await page.getByRole('button', { name: 'Count more samples' }).click()
  await expect(page.getByRole('region', { name: 'Right answers' })).toContainText('1000 of 1000 samples')
  await page.getByRole('button', { name: 'Conditions of the verdict' }).click()
  await expect(page.getByText('onnxruntime-web 1.30.0, wasm build')).toBeVisible()
})

test('choose and download: an option is refused and accepted, the pair is saved, and the recipe gives the same key again', async ({
  page,
}) => {
  const bench = new BenchPage(page)
  await bench.open()
  await bench.raceSample(SAMPLES.digits)
  const downloads: Promise<{ name: string; path: string }>[] = []
  page.on('download', (download) => {
    downloads.push(download.path().then((path) => ({ name: download.suggestedFilename(), path })))
  })
  await page.getByRole('button', { name: /Download model and recipe/ }).click()
  await expect.poll(() => downloads.length).toBe(2)
  const files = await Promise.all(downloads)
  const recipe = files.find(({ name }) => name.endsWith('.recipe.json'))?.path ?? ''
  const model = files.find(({ name }) => name.endsWith('.onnx'))?.path ?? ''
  expect(readFileSync(model).byteLength).toBeGreaterThan(50_000)
  const saved = JSON.parse(readFileSync(recipe, 'utf8')) as { calibration: { ranges: object } }
  expect(Object.keys(saved.calibration.ranges).length).toBeGreaterThan(3)
  const key =
    (await page
      .getByText(/^The recipe holds/)
      .locator('.mono')
      .textContent()) ?? ''

  await bench.choosePreset('int8 weights only')
  await expect(bench.verdict).toContainText('The recipe has changed since: run again.')
  await page.getByText(/Steps and options/).click()
  const step = page.getByRole('article', { name: /Quantize weights/ })
  await step.getByText('More options').click()
  const minimum = step.getByLabel('Smallest weight')
  await minimum.fill('-1')
  await minimum.blur()
  await expect(page.getByRole('alert')).toContainText('expected an integer from')
  await minimum.fill('64')
  await minimum.blur()
  await expect(page.getByRole('alert')).toHaveCount(0)
  await expect(page.getByText('Your own recipe.')).toBeVisible()

  await page.getByLabel('Recipe file, .json').setInputFiles(recipe)
  await expect(page.getByText('It brings its ranges')).toBeVisible()
  await bench.run.click()
  await bench.finished()
  await expect(page.getByText(/^The recipe holds/).locator('.mono')).toHaveText(key)
})

for (const [model, tag] of [
  ['tiny-bert', []],
  ['tiny-vit', ['@full']],
  ['tiny-lstm', ['@full']],
] as const) {
  test(`run: ${model} without a form, on synthetic inputs that are marked so`, { tag: [...tag] }, async ({ page }) => {
    const bench = new BenchPage(page)
    await bench.open()
    await bench.openFiles(`${MODELS}/${model}.onnx`)
    await expect(page.getByRole('heading', { name: `${model}.onnx`, exact: true })).toBeVisible()
    // Its table of positions ends at 64, so this is also the journey of changing a stated default.
    if (model === 'tiny-bert') await page.getByLabel('sequence').fill('32')
    await bench.choosePreset('int8, calibrated')
    await bench.run.click()
    await expect(page.getByRole('alert')).toContainText(
      /real samples as a \.npz file.*choose a recipe that needs none/i,
    )
    await bench.choosePreset('int8, no data needed')
    await bench.run.click()
    await bench.finished()
    await expect(page.getByRole('alert')).toHaveCount(0)
    await expect(bench.verdict).toContainText(/synthetic inputs/i)
  })
}

test('check this device: races of the model against itself, what was found before a cancel is kept and changes nothing', async ({
  page,
}) => {
  const bench = new BenchPage(page)
  await bench.open()
  await bench.raceSample(SAMPLES.digits)
  await page.getByRole('button', { name: 'Check this device' }).click()
  const panel = page.getByRole('region', { name: 'Self-check of this device' })
  await expect(panel).toContainText(/1 of 9 races so far/, { timeout: 40_000 })
  await page.keyboard.press('Escape')
  await expect(bench.run).toBeVisible({ timeout: 2_000 })
  await expect(panel).toContainText('cancelled, so nothing is changed by it')
  await expect(panel.getByRole('row')).toHaveCount(2)
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([])
})

test('where it runs fastest: engines are ranked in one race, and a software GPU has a reason instead of a speed', async ({
  page,
}) => {
  const bench = new BenchPage(page)
  await bench.open()
  await bench.raceSample(SAMPLES.digits)
  const panel = page.getByRole('region', { name: 'Where does it run fastest?' })
  await panel.getByRole('button', { name: /^Race \d engines/ }).click()
  await bench.finished()
  await expect(panel.getByRole('row', { name: /^1 WASM, .* ms/ }).first()).toBeVisible()
  const hasGpu = await page.evaluate(async () => (await navigator.gpu?.requestAdapter()) != null)
  if (hasGpu) await expect(panel.getByRole('row', { name: /WebGPU/ })).toContainText(/software GPU|ms/)
})

test('cancel: a run stops within 200 ms, keeps what is finished, and the next one works', async ({ page }) => {
  const bench = new BenchPage(page)
  await bench.open()
  await bench.openSample(SAMPLES.digits)
  await expect(page.getByText('Racing')).toBeVisible({ timeout: 30_000 })
  const idleMs = await page.evaluate(async () => {
    const button = (name: string) => [...document.querySelectorAll('button')].find((b) => b.textContent.trim() === name)
    const start = performance.now()
    button('Cancel')?.click()
    while (!button('Run')) await new Promise((resolve) => setTimeout(resolve, 5))
    return performance.now() - start
  })
  console.log(`idle after cancel: ${idleMs.toFixed(0)} ms`)
  expect(idleMs).toBeLessThanOrEqual(200)
  await expect(page.getByRole('region', { name: 'Right answers' })).toBeVisible()
  await expect(page.getByRole('alert')).toHaveCount(0)
  await bench.run.click()
  await bench.finished()
  await expect(bench.verdict).toContainText(/smaller/)
})

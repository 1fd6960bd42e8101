// What is asked of a quantized model beside its verdict: which layers hurt, what the engine runs well, whose ranges are used.

import { readFileSync } from 'node:fs'

import AxeBuilder from '@axe-core/playwright'
import { expect, test, type Page } from '@playwright/test'

import { BenchPage, SAMPLES } from './bench-page'

async function axeFindings(page: Page): Promise<unknown[]> {
  const found = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    found.push(...(await new AxeBuilder({ page }).analyze()).violations)
  }
  return found.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)])
}

test('layers that hurt: found, looked at and kept in float, with an undo', async ({ page }) => {
  const bench = new BenchPage(page)
  await bench.open()
  await bench.openSample(SAMPLES.digits)
  // Its race is not what is asked for here; a cancel while the model is read would lead back to the start.
  await expect(page.getByText('Racing')).toBeVisible({ timeout: 30_000 })
  await page.getByRole('button', { name: 'Cancel' }).click()
  await bench.finished()
  const panel = page.getByRole('region', { name: 'Which layers hurt?' })
  await panel.getByLabel('Samples').selectOption('16')
  await panel.getByRole('button', { name: 'Find the layers that hurt' }).click()
  const strip = panel.getByRole('listbox')
  await expect(strip.getByRole('option')).toHaveCount(6, { timeout: 30_000 })
  await expect(panel).toContainText('16 samples of drawn-digits-calibration')

  await strip.focus()
  await page.keyboard.press('End')
  await expect(strip).toHaveAttribute('aria-activedescendant', /-5$/)
  await page.keyboard.press('Enter')
  await expect(panel.getByRole('checkbox', { name: 'Keep fc in float' })).toBeChecked()
  await panel.getByRole('checkbox', { name: 'Keep conv0 in float' }).check()

  const head = panel.getByRole('columnheader', { name: 'Layer' })
  await head.getByRole('button').press('Enter')
  await expect(head).toHaveAttribute('aria-sort', 'ascending')
  await expect(panel.getByRole('row').nth(1)).toContainText('conv0')
  await panel.getByRole('button', { name: /look at conv0/ }).click()
  const detail = page.getByRole('region', { name: 'The tensor in detail' })
  await expect(detail).toContainText(/clip\(round\(−?[\d.]+.* ÷ [\d.]+/)
  await expect(detail.getByRole('img')).toHaveAccessibleName(/Histograms of \d+ numbers/)
  await panel.getByText('Every tensor').click()
  await panel.getByRole('button', { name: 'image', exact: true }).click()
  await expect(detail).toContainText('uint8')
  expect(await axeFindings(page)).toEqual([])

  await panel.getByRole('button', { name: 'Keep these 2 layers in float' }).click()
  const own = page.getByText('Your own recipe.')
  await expect(own).toBeVisible()
  await expect(panel.getByRole('row').filter({ has: page.getByLabel('Keep fc in float') })).toContainText('fc in float')
  await panel.getByRole('button', { name: 'Undo' }).click()
  await expect(own).toHaveCount(0)
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
})

test('layers kept in float: the next run leaves them as they are', { tag: '@full' }, async ({ page }) => {
  const bench = new BenchPage(page)
  await bench.open()
  await bench.raceSample(SAMPLES.digits)
  // Folded away, but there.
  const changed = page.getByRole('region', { name: 'What the recipe did' }).locator('li')
  const noteOf = (layer: string) =>
    changed.filter({ hasText: 'done' }).filter({ has: page.getByText(layer, { exact: true }) })
  await expect(noteOf('conv1')).not.toHaveCount(0)
  const panel = page.getByRole('region', { name: 'Which layers hurt?' })
  await panel.getByRole('button', { name: 'Find the layers that hurt' }).click()
  await panel.getByRole('checkbox', { name: 'Keep conv0 in float' }).check({ timeout: 60_000 })
  const before = await noteOf('conv0').count()
  await panel.getByRole('button', { name: 'Keep this layer in float' }).click()
  await panel.getByRole('button', { name: 'Run again' }).click()
  await bench.finished()
  await expect(bench.verdict).not.toContainText('The recipe has changed since')
  await expect(noteOf('conv1')).not.toHaveCount(0)
  expect(await noteOf('conv0').count()).toBeLessThan(before)
})

test(
  'operator probe: every cell is a number or a word, and the table is exported with browser, build and device',
  {
    tag: '@full',
  },
  async ({ page }) => {
    const bench = new BenchPage(page)
    await bench.open()
    await bench.openFiles('tests/fixtures/models/tiny-bert.onnx')
    const panel = page.getByRole('region', { name: 'What does this engine run well?' })
    await panel.getByRole('button', { name: /^Probe WASM/ }).click()
    await bench.finished()
    await expect(panel.getByRole('row', { name: /^Conv 3×3/ })).toContainText(/ms .*\d\.\d\d \(/)
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      panel.getByRole('button', { name: 'Export the probe as JSON' }).click(),
    ])
    const table = JSON.parse(readFileSync(await saved.path(), 'utf8')) as {
      environment: { browser: string; engine: { build: string } }
      rows: { outcome: { kind: string; n?: number } }[]
    }
    expect(table.environment.browser).toMatch(/Chrom/)
    expect(table.environment.engine.build).toBe('wasm')
    for (const { outcome } of table.rows) expect(outcome.kind === 'timed' ? (outcome.n ?? 0) > 0 : true).toBe(true)
    expect(await axeFindings(page)).toEqual([])
  },
)

test(
  'ranges: exported, imported instead of data, and refused where they are no ranges',
  {
    tag: '@full',
  },
  async ({ page }, testInfo) => {
    const bench = new BenchPage(page)
    await bench.open()
    await bench.raceSample(SAMPLES.digits)
    const key = page.getByText(/^The recipe holds/).locator('.mono')
    const measured = await key.textContent()
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: /^Export \d+ ranges as JSON$/ }).click(),
    ])
    const path = testInfo.outputPath('digits.ranges.json')
    await saved.saveAs(path)
    const picker = page.getByLabel('Ranges of activations, .json')
    await picker.setInputFiles({ name: 'bad.json', mimeType: 'application/json', buffer: Buffer.from('{"x": [2, 1]}') })
    await expect(page.getByRole('alert')).toContainText('a lower bound that is not above the upper one')
    await picker.setInputFiles(path)
    await expect(page.getByRole('alert')).toHaveCount(0)
    await expect(page.getByText('It brings its ranges, measured on file:digits.ranges.json')).toBeVisible()
    await bench.run.click()
    await bench.finished()
    await expect(bench.verdict).toContainText(/smaller/)
    await expect(key).not.toHaveText(measured ?? '')
  },
)

test(
  'best for this device: a winner with the losers or the original, and its recipe is taken over',
  { tag: '@full' },
  async ({ page }) => {
    const bench = new BenchPage(page)
    await bench.open()
    await bench.raceSample(SAMPLES.digits)
    await page.getByRole('button', { name: 'Best for this device' }).click()
    const panel = page.getByRole('region', { name: 'Best for this device' })
    await expect(panel.getByRole('progressbar')).toBeVisible()
    await bench.finished(180_000)
    await expect(page.getByRole('alert')).toHaveCount(0)
    await expect(panel.getByRole('status')).toContainText(/Keep the original: |% of the size/)
    const candidates = panel.getByRole('list', { name: 'The original and the candidates' }).getByRole('listitem')
    expect(await candidates.count()).toBeGreaterThan(2)
    await expect(candidates.nth(1)).toContainText(/expected (\d\.\d\d|not known)/)
    expect(await axeFindings(page)).toEqual([])
    const use = panel.getByRole('button', { name: /^Use / })
    if ((await use.count()) === 0) return
    await bench.choosePreset('Copy')
    await use.click()
    await expect(page.getByText('Steps and options (0)')).toHaveCount(0)
  },
)

// What holds on every visit: privacy, the content security policy, bad files, small screens, keyboard, accessibility, no isolation.

import { readFileSync, writeFileSync } from 'node:fs'

import AxeBuilder from '@axe-core/playwright'
import { expect, test } from '@playwright/test'

import { BenchPage, SAMPLES } from './bench-page'

test('privacy: nothing is requested beyond the own origin, and the policy is never violated', async ({
  page,
  baseURL,
}) => {
  const foreign: string[] = []
  const violations: string[] = []
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(baseURL ?? '') && !/^(blob|data):/.test(url)) foreign.push(url)
  })
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) violations.push(message.text())
  })
  const response = await page.goto('./')
  expect(response?.headers()['content-security-policy']).toContain("default-src 'none'")
  const bench = new BenchPage(page)
  await bench.raceSample(SAMPLES.digits)
  expect(foreign).toEqual([])
  expect(violations).toEqual([])
})

test('bad files: each gets an error that names what is wrong, and the page stays usable', async ({
  page,
}, testInfo) => {
  const bench = new BenchPage(page)
  await bench.open()
  const files = [
    ['empty.onnx', Buffer.alloc(0)],
    ['page.onnx', Buffer.from('<!doctype html><html><body>Not found</body></html>')],
    ['archive.onnx', Buffer.from([0x50, 0x4b, 3, 4, 20, 0, 0, 0, 8, 0])],
    ['noise.onnx', Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 73 + 41) % 251))],
  ] as const
  for (const [name, bytes] of files) {
    const path = testInfo.outputPath(name)
    writeFileSync(path, bytes)
    await bench.openFiles(path)
    await expect(page.getByRole('alert')).toContainText('This model cannot be used')
    await expect(page.getByRole('alert')).toContainText('model/')
    await page.getByRole('button', { name: 'Dismiss' }).click()
  }
  await bench.raceSample(SAMPLES.digits)
  await expect(bench.verdict).toContainText(/smaller/)
})

test('text from a model is text: markup in its names is not interpreted', async ({ page }) => {
  const bench = new BenchPage(page)
  await bench.open()
  const name = '<img src=x onerror=document.title="owned">.onnx'
  await page.getByLabel('Model file, with its external data if it has any').setInputFiles({
    name,
    mimeType: 'application/octet-stream',
    buffer: readFileSync('tests/fixtures/models/tiny-lstm.onnx'),
  })
  await expect(page.getByRole('heading', { name, level: 2 })).toBeVisible()
  await expect(page).not.toHaveTitle('owned')
})

test('accessibility and small screens: axe finds nothing in light or dark, nothing is wider than 320 pixels', async ({
  page,
}) => {
  const bench = new BenchPage(page)
  const findings = async () => {
    const found = []
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      found.push(...(await new AxeBuilder({ page }).analyze()).violations)
    }
    return found.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)])
  }
  await bench.open()
  expect(await findings()).toEqual([])
  await bench.raceSample(SAMPLES.digits)
  await page.getByText(/Steps and options/).click()
  await page.getByText('All figures of this run').click()
  expect(await findings()).toEqual([])
  const latency = page.getByRole('region', { name: 'Latency per run' })
  // By keyboard, as the tabs pattern has it; every chart with its table open.
  for (const name of ['Distribution', 'Over time', 'Blocks']) {
    await page.getByRole('tab', { selected: true }).focus()
    await page.keyboard.press('ArrowRight')
    await expect(page.getByRole('tab', { name })).toBeFocused()
    await expect(latency.getByRole('img')).toHaveAccessibleName(/\d/)
    await latency.getByText('As a table').click()
    expect(await latency.getByRole('row').count()).toBeGreaterThan(1)
    expect(await findings()).toEqual([])
  }
  for (const name of ['Why should I believe this?', 'Conditions of the verdict']) {
    const opener = page.getByRole('button', { name })
    await opener.click()
    await expect(page.getByRole('dialog')).toBeVisible()
    expect(await findings()).toEqual([])
    await page.keyboard.press('Escape')
    await expect(page.getByRole('dialog')).toHaveCount(0)
    await expect(opener).toBeFocused()
  }
  for (const width of [360, 320]) {
    await page.setViewportSize({ width, height: 740 })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
  }
})

test('keyboard: a sample is opened, cancelled and run again without a pointer', async ({ page }) => {
  const bench = new BenchPage(page)
  await bench.open()
  const button = page.getByRole('article', { name: SAMPLES.digits }).getByRole('button')
  for (let i = 0; i < 10 && !(await button.evaluate((e) => e === document.activeElement)); i++)
    await page.keyboard.press('Tab')
  await expect(button).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.getByText('Racing')).toBeVisible({ timeout: 30_000 })
  await page.keyboard.press('Escape')
  await expect(bench.run).toBeVisible({ timeout: 2_000 })
  await page.keyboard.press('r')
  await expect(page.getByRole('button', { name: 'Cancel' })).toBeVisible()
  await bench.finished()
})

test('not isolated: one thread, a quiet notice, and still a verdict', async ({ page, baseURL }) => {
  const url = new URL(baseURL ?? '')
  url.port = String(Number(url.port) + 1)
  await page.goto(url.href)
  const bench = new BenchPage(page)
  await bench.raceSample(SAMPLES.digits)
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(false)
  await expect(page.getByText('One thread, coarse clock.')).toBeVisible()
  await expect(page.getByLabel('Race on').locator('option')).not.toContainText(['2 threads'])
  await expect(bench.verdict).toContainText(/smaller/)
})

test('software GPU: answers are checked on WebGPU, its speed is not shown', async ({ page }) => {
  const bench = new BenchPage(page)
  await bench.open()
  const hasGpu = await page.evaluate(async () => (await navigator.gpu?.requestAdapter()) != null)
  test.skip(!hasGpu, 'this browser offers no WebGPU adapter')
  await bench.raceSample(SAMPLES.digits)
  await page.getByLabel('Race on').selectOption({ label: 'WebGPU' })
  await bench.run.click()
  await bench.finished()
  await expect(page.getByText('Software GPU.')).toBeVisible()
  await expect(page.getByRole('region', { name: 'Latency per run' })).toHaveCount(0)
})

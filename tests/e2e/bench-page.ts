// The Bench room as a person sees it: locators by role and name, and the few things every journey does.

import { expect, type Locator, type Page } from '@playwright/test'

export const SAMPLES = {
  digits: 'Drawn digits',
  fashion: 'Fashion ResNet',
  efficientnet: 'EfficientNet-Lite0',
} as const

export class BenchPage {
  readonly page: Page
  readonly run: Locator
  readonly verdict: Locator

  constructor(page: Page) {
    this.page = page
    this.run = page.getByRole('button', { name: 'Run', exact: true })
    this.verdict = page.getByRole('region', { name: 'Verdict' })
  }

  async open(): Promise<void> {
    await this.page.goto('./')
    await expect(this.page.getByRole('heading', { level: 1 })).toBeVisible()
  }

  async openSample(title: string): Promise<void> {
    await this.page.getByRole('article', { name: title }).getByRole('button').click()
  }

  /** A sample races at once; waits for the end of that. */
  async raceSample(title: string): Promise<void> {
    await this.openSample(title)
    await this.finished()
  }

  async openFiles(...paths: string[]): Promise<void> {
    await this.page.getByLabel('Model file, with its external data if it has any').setInputFiles(paths)
  }

  async choosePreset(label: string): Promise<void> {
    await this.page.getByRole('button', { name: label, exact: true }).click()
  }

  /** Waits for the end of a run; what it says is up to the journey. */
  async finished(timeout = 60_000): Promise<void> {
    await expect(this.run).toBeVisible({ timeout })
  }
}

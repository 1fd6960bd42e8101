// “Best for this device” on real engines: the residual network gets faster, a depthwise network never slower, and no file is left behind.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { BestAnswer } from '../../src/cli/run/best-answer'
import { buildLathe, latheJson } from '../cli/run-lathe'

const LIMIT_MS = 900_000
const folder = mkdtempSync(join(tmpdir(), 'lathe-full-best-'))
afterAll(() => rmSync(folder, { recursive: true }))
beforeAll(buildLathe, 60_000)

const best = async (...words: readonly string[]): Promise<BestAnswer> =>
  (await latheJson('best', ...words)) as unknown as BestAnswer
const winnerOf = ({ verdict, candidates }: BestAnswer) => candidates.find(({ name }) => name === verdict?.winner)

describe('lathe best', () => {
  it('makes the residual network faster, with its accuracy, and writes it', { timeout: LIMIT_MS }, async () => {
    const output = join(folder, 'winner.onnx')
    const answer = await best('zoo:fashion-resnet', '--seconds', '40', '-o', output)
    const winner = winnerOf(answer)
    expect(winner?.latency?.verdict).toBe('faster')
    expect(winner?.answers?.accuracy?.n).toBe(2000)
    expect(answer.output).toBe(output)
    expect(readdirSync(folder)).toEqual(['winner.onnx'])
  })

  it('never makes a depthwise network slower, and says why each candidate lost', { timeout: LIMIT_MS }, async () => {
    for (const goal of ['speed', 'size', 'exact']) {
      const answer = await best('tests/fixtures/models/tiny-mobilenet.onnx', '--goal', goal, '--seconds', '5')
      expect(winnerOf(answer)?.latency?.verdict).not.toBe('slower')
      expect(answer.candidates.length).toBeGreaterThan(0)
      expect(answer.candidates.length).toBeLessThanOrEqual(4)
      for (const { name, reason } of answer.verdict?.standings ?? []) {
        expect(reason === null).toBe(name === answer.verdict?.winner)
      }
    }
  })
})

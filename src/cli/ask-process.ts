// One question to a process of our own and its one answer, with progress in between: how engines are used that need a process each.

import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { fromWireError, LabError, toWireError, type WireError } from '../core/errors/lab-error'

export type ProcessAnswer =
  | { readonly kind: 'progress'; readonly fraction: number; readonly what: string }
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: WireError }

/** `entry`: name of a bundle in `dist-cli`, without its ending. */
export const startProcess = (repository: string, entry: string): ChildProcess =>
  fork(join(repository, 'dist-cli', `${entry}.mjs`), { serialization: 'advanced' })

/** One question at a time. Throws what the process answers, and `worker/died` when it ends without an answer; `name` is for that. */
export function askProcess(
  child: ChildProcess,
  question: object,
  name: string,
  progress: (fraction: number, what: string) => void,
): Promise<unknown> {
  return new Promise((done, failed) => {
    const settle = (outcome: () => void): void => {
      child.off('message', onMessage).off('exit', onExit).off('error', onError)
      outcome()
    }
    const onMessage = (answer: ProcessAnswer): void => {
      if (answer.kind === 'progress') progress(answer.fraction, answer.what)
      else if (answer.kind === 'done') settle(() => done(answer.value))
      else settle(() => failed(fromWireError(answer.error)))
    }
    const onExit = (code: number | null): void =>
      settle(() => failed(new LabError('worker/died', `The process of ${name} ended with code ${code}.`)))
    const onError = (error: Error): void => settle(() => failed(error))
    child.on('message', onMessage).once('exit', onExit).once('error', onError)
    child.send(question, (error) => {
      if (error) onError(error)
    })
  })
}

/** The other end: resolves when the message is on its way. */
export const tell = (message: ProcessAnswer): Promise<void> =>
  new Promise((done, failed) => process.send?.(message, (error: Error | null) => (error ? failed(error) : done())))

/** Answers with what `work` comes to. */
export const answer = (work: Promise<unknown>): Promise<void> =>
  work.then(
    (value) => tell({ kind: 'done', value }),
    (error: unknown) => tell({ kind: 'failed', error: toWireError(error) }),
  )

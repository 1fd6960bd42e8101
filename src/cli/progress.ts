// Progress on standard error: one line that is overwritten on a terminal, plain lines under --verbose, else nothing.

const REDRAW_MS = 100
const CLEAR_LINE = '\r\u001b[K'

export interface Progress {
  /** `fraction` 0…1. */
  show(fraction: number, what: string): void
  /** A line that stays, under --verbose only. */
  note(text: string): void
  /** Clears the line; safe to call more than once. */
  end(): void
}

export function createProgress(stream: NodeJS.WriteStream, isVerbose: boolean): Progress {
  let drawnAt = -Infinity
  let last = ''
  const clear = (): void => {
    if (stream.isTTY && last !== '') stream.write(CLEAR_LINE)
    last = ''
  }
  return {
    show(fraction, what) {
      if (stream.isTTY) {
        const now = performance.now()
        if (now - drawnAt < REDRAW_MS) return
        drawnAt = now
        last = `${Math.round(fraction * 100)} %  ${what}`.slice(0, stream.columns - 1)
        stream.write(CLEAR_LINE + last)
      } else if (isVerbose && what !== last) {
        last = what
        stream.write(`${Math.round(fraction * 100)} %  ${what}\n`)
      }
    },
    note(text) {
      if (!isVerbose) return
      clear()
      stream.write(`${text}\n`)
    },
    end: clear,
  }
}

export interface StagedProgress extends Progress {
  /** What is shown from now on begins with this; nothing for `''`. */
  stage(label: string): void
}

/** For work of several stages, each of which counts from 0 to 1. */
export function stagedProgress(progress: Progress): StagedProgress {
  let prefix = ''
  return {
    show: (fraction, what) => progress.show(fraction, prefix + what),
    note: (text) => progress.note(text),
    end: () => progress.end(),
    stage(label) {
      prefix = label && `${label}: `
    },
  }
}

// What a command gets besides its arguments, and what it gives back. A command prints nothing itself: it returns one answer, which is
// shown as JSON or as text.

import type { ArgumentSpecs, ParsedArguments } from './command'
import type { Progress } from './progress'

export interface Terminal {
  readonly progress: Progress
  /** The repository: where the zoo, the built page and the bundles stand. */
  readonly repository: string
}

export interface Answer {
  /** The JSON document of docs/cli.md. */
  readonly document: unknown
  /** The same for a person. */
  readonly text: () => string
}

export type Run<S extends ArgumentSpecs> = (args: ParsedArguments<S>, terminal: Terminal) => Promise<Answer>

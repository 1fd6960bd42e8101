// How a command of the terminal declares itself: plain data, from which the parser, the help text and the type of the parsed
// arguments derive. The code behind a command is loaded only when it runs, so that the first line of help appears at once.

interface ArgumentCommon {
  readonly help: string
  /** One letter, written `-o`. */
  readonly short?: string
}
interface TextArgument extends ArgumentCommon {
  readonly kind: 'text'
  /** What stands for the value in the help, such as `FILE`. */
  readonly value: string
  readonly isRequired?: boolean
}
/** May be given several times. */
interface ListArgument extends ArgumentCommon {
  readonly kind: 'list'
  readonly value: string
}
interface ChoiceArgument<C extends string = string> extends ArgumentCommon {
  readonly kind: 'choice'
  readonly value: string
  readonly choices: readonly C[]
}
interface NumberArgument extends ArgumentCommon {
  readonly kind: 'number'
  readonly value: string
  readonly default: number
  readonly min: number
  readonly max: number
}
interface FlagArgument extends ArgumentCommon {
  readonly kind: 'flag'
}
export type ArgumentSpec = TextArgument | ListArgument | ChoiceArgument | NumberArgument | FlagArgument
export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>

type ValueOf<A> = A extends ListArgument
  ? readonly string[]
  : A extends NumberArgument
    ? number
    : A extends FlagArgument
      ? boolean
      : A extends ChoiceArgument<infer C>
        ? C | undefined
        : A extends { readonly kind: 'text'; readonly isRequired: true }
          ? string
          : string | undefined

/** Options by their long name. Those not given: false, [], the default, or undefined. */
export type ArgumentsOf<S extends ArgumentSpecs> = { readonly [K in keyof S]: ValueOf<S[K]> }

interface Positionals {
  /** As the help shows it, such as `A [B…]`. */
  readonly usage: string
  readonly min: number
  readonly max: number
}

export interface CommandSpec<S extends ArgumentSpecs = ArgumentSpecs> {
  readonly name: string
  readonly summary: string
  readonly positionals: Positionals
  readonly options: S
  /** Sentences under the options. */
  readonly remarks?: readonly string[]
}

/** Every command has these. */
export const SHARED_OPTIONS = {
  json: { kind: 'flag', help: 'Answer with one JSON document instead of tables.' },
  verbose: { kind: 'flag', help: 'Progress on standard error even where it is not a terminal; causes of errors.' },
  help: { kind: 'flag', short: 'h', help: 'Show this help.' },
} as const satisfies ArgumentSpecs

export interface ParsedArguments<S extends ArgumentSpecs> {
  readonly positionals: readonly string[]
  readonly options: ArgumentsOf<S & typeof SHARED_OPTIONS>
}

export const defineCommand = <const S extends ArgumentSpecs>(spec: CommandSpec<S>): CommandSpec<S> => spec

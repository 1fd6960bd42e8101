// How a technique declares itself: plain data, declared once. The form, the parser, the defaults, the command line's help, the
// docs table and the type of the options all derive from it. It survives `structuredClone` and JSON, so it holds no functions.

import type { TensorOverrides } from './tensor-overrides'

/** The option is shown only while another option has this value. */
export type ShowWhen = Readonly<Record<string, string | number | boolean>>

interface OptionCommon {
  readonly label: string
  readonly help: string
  readonly advanced?: boolean
  /** Heading under which forms collect advanced options. */
  readonly group?: string
  readonly showWhen?: ShowWhen
}
export interface IntegerOption extends OptionCommon {
  readonly kind: 'integer'
  readonly default: number
  readonly min: number
  readonly max: number
  readonly unit?: string
  readonly sweep?: readonly number[]
}
export interface ChoiceOption<C extends string = string> extends OptionCommon {
  readonly kind: 'choice'
  readonly choices: readonly C[]
  readonly default: NoInfer<C>
  readonly sweep?: readonly NoInfer<C>[]
}
export interface ToggleOption extends OptionCommon {
  readonly kind: 'toggle'
  readonly default: boolean
  readonly sweep?: readonly boolean[]
}
/** A real number; `min` and `max` are allowed values themselves. */
export interface NumberOption extends OptionCommon {
  readonly kind: 'number'
  readonly default: number
  readonly min: number
  readonly max: number
  readonly unit?: string
  readonly sweep?: readonly number[]
}
/** A set of names (nodes, tensors, operator types), in any order. The default is none. */
export interface NamesOption extends OptionCommon {
  readonly kind: 'names'
  readonly default: readonly string[]
  /** What is named: shown as the placeholder of the field. */
  readonly of: string
  readonly sweep?: readonly (readonly string[])[]
}
/** Parameters of single tensors, see tensor-overrides.ts. The default is none. */
export interface OverridesOption extends OptionCommon {
  readonly kind: 'overrides'
  readonly default: TensorOverrides
  readonly sweep?: readonly TensorOverrides[]
}
export type OptionSpec = IntegerOption | ChoiceOption | ToggleOption | NumberOption | NamesOption | OverridesOption
export type OptionSpecs = Readonly<Record<string, OptionSpec>>
export type OptionValue = number | string | boolean | readonly string[] | TensorOverrides

type ValueOf<O> =
  O extends ChoiceOption<infer C>
    ? C
    : O extends IntegerOption | NumberOption
      ? number
      : O extends ToggleOption
        ? boolean
        : O extends NamesOption
          ? readonly string[]
          : O extends OverridesOption
            ? TensorOverrides
            : never
/** The typed option values of a spec's `options`. */
export type OptionsOf<O extends OptionSpecs> = { readonly [K in keyof O]: ValueOf<O[K]> }

export interface TechniqueSpec<Id extends string = string, O extends OptionSpecs = OptionSpecs> {
  readonly id: Id
  readonly label: string
  readonly summary: string
  /** Raised when the same options may give different bytes; part of the recipe key. */
  readonly version: number
  readonly options: O
  readonly needs: {
    /** Runs on real data or on ranges in the recipe only (`recipe/needs-calibration` without either). */
    readonly calibration: boolean
    /** The same with any of these options only. */
    readonly rangesWhen?: readonly ShowWhen[]
    /** With any of these options it needs the samples themselves, whatever ranges the recipe holds. */
    readonly samplesWhen?: readonly ShowWhen[]
    /** The ai.onnx opset that the result needs at least; lower models are raised to it. */
    readonly opset: number
  }
  /** Promises that the contract tests hold the technique to. */
  readonly keeps: {
    /** A second run changes nothing. */
    readonly idempotent: boolean
    /** Names, types and shapes of graph inputs and outputs stay. */
    readonly interface: boolean
    /**
     * Least signal-to-noise ratio of the outputs on the small models of the contract tests, dB, with default options.
     * Absent: what the contract tests ask of everybody.
     */
    readonly sqnrDb?: number
  }
}

/** What a step with these options asks of the person. */
export function dataNeed(
  { needs }: Pick<TechniqueSpec, 'needs'>,
  options: Readonly<Record<string, OptionValue>>,
): 'nothing' | 'ranges' | 'samples' {
  const holds = (condition: ShowWhen): boolean =>
    Object.entries(condition).every(([name, value]) => options[name] === value)
  if (needs.samplesWhen?.some(holds)) return 'samples'
  return needs.calibration || needs.rangesWhen?.some(holds) ? 'ranges' : 'nothing'
}

export const defineSpec = <const Id extends string, const O extends OptionSpecs>(
  spec: TechniqueSpec<Id, O>,
): TechniqueSpec<Id, O> => spec

export const integer = (option: Omit<IntegerOption, 'kind'>): IntegerOption => ({ kind: 'integer', ...option })
export const choice = <const C extends string>(option: Omit<ChoiceOption<C>, 'kind'>): ChoiceOption<C> => ({
  kind: 'choice',
  ...option,
})
export const toggle = (option: Omit<ToggleOption, 'kind'>): ToggleOption => ({ kind: 'toggle', ...option })
export const real = (option: Omit<NumberOption, 'kind'>): NumberOption => ({ kind: 'number', ...option })
export const names = (option: Omit<NamesOption, 'kind' | 'default'>): NamesOption => ({
  kind: 'names',
  default: [],
  ...option,
})
export const overrides = (option: Omit<OverridesOption, 'kind' | 'default'>): OverridesOption => ({
  kind: 'overrides',
  default: {},
  ...option,
})

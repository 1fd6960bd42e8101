// What the Bench room works on: the open model, the recipe of its variant, where to race, and the last run. Components read and call verbs.

import { getContext, setContext } from 'svelte'

import type {
  DatasetRef,
  EngineStart,
  FreeDimensions,
  InputSource,
  LoadedModel,
  ModelFile,
} from '../../../workers/host/protocol'
import { asLabError, isCancelled, LabError } from '../../core/errors/lab-error'
import { parseRecipe, parseRecipeText } from '../../core/recipe/parse-recipe'
import { dataNeed, type OptionValue } from '../../core/options/spec'
import type { Recipe, RecipeStep } from '../../core/recipe/recipe'
import { canonicalJson } from '../../core/recipe/recipe-key'
import type { Residency } from '../../engines/engine'
import { RACE_INPUTS } from '../../measure/input-counts'
import { catalog, type TechniqueId } from '../../techniques/catalog'
import { presetRecipe } from '../../techniques/preset-recipe'
import { presets, type PresetName } from '../../techniques/presets'
import { ZOO_MODELS, type ZooModelId } from '../../zoo/catalog'
import type { AccuracyRun } from '../bench/accuracy-run'
import { inputsFrom } from '../bench/race-inputs'
import { BENCH_STAGES, runBench, type BenchStage } from '../bench/run-bench'
import type { RunRecord } from '../bench/run-record'
import { CompressClient } from '../jobs/compress-client'
import type { EngineClient } from '../jobs/engine-client'
import { EnginePool } from '../jobs/engine-pool'
import { fetchZooModel } from '../platform/fetch-zoo-model'
import { SelfCheckStore } from '../platform/self-check-store'
import { findEngineChoices, PLAIN_WASM, type EngineChoice } from './engine-choice'
import { raceMode, secondsFor, type RaceSeconds } from './race-length'

export interface OpenModel {
  readonly name: string
  readonly loaded: LoadedModel
  readonly zooId?: ZooModelId
}

export type Activity =
  | { readonly kind: 'idle' }
  | { readonly kind: 'reading'; readonly name: string; readonly fraction: number }
  | { readonly kind: 'running'; readonly stage: BenchStage; readonly fraction: number; readonly what: string }
  | { readonly kind: 'counting'; readonly fraction: number }
  | { readonly kind: OtherRace; readonly fraction: number; readonly what: string }

/** What fills the page besides the run: a self-check, a race of engines or recipes, the operator probe, the search for layers that hurt. */
export type OtherRace = 'checking-device' | 'racing-engines' | 'racing-recipes' | 'probing' | 'finding-layers'

const DEFAULT_PRESET: PresetName = 'int8-static'
/** While something is timed the page changes no more often than this. */
const CALM_MS = 500
const PRESET_WITHOUT_DATA: PresetName = 'int8-dynamic'

export class Workspace {
  #model = $state.raw<OpenModel>()
  #recipe = $state.raw(presetRecipe(DEFAULT_PRESET))
  #calibration = $state.raw<DatasetRef>()
  #freeDimensions = $state.raw<FreeDimensions>({})
  #engines = $state.raw<readonly EngineChoice[]>([])
  #engineKey = $state(PLAIN_WASM.key)
  #seconds = $state<RaceSeconds>(5)
  #residency = $state<Residency>('cpu')
  #activity = $state.raw<Activity>({ kind: 'idle' })
  #record = $state.raw<RunRecord>()
  #variant = $state.raw<ModelFile>()
  #problem = $state.raw<LabError>()
  #accuracy: AccuracyRun | undefined
  #abort: AbortController | undefined
  #shownAt = -Infinity
  /** What self-checks of this device found. */
  readonly selfChecks = new SelfCheckStore()
  readonly #compress = new CompressClient()
  readonly #enginePool = new EnginePool()

  get model(): OpenModel | undefined {
    return this.#model
  }
  get recipe(): Recipe {
    return this.#recipe
  }
  get calibration(): DatasetRef | undefined {
    return this.#calibration
  }
  /** Sizes that the model's free dimensions run with. */
  get freeDimensions(): FreeDimensions {
    return this.#freeDimensions
  }
  get engines(): readonly EngineChoice[] {
    return this.#engines
  }
  get engineKey(): string {
    return this.#engineKey
  }
  get seconds(): RaceSeconds {
    return this.#seconds
  }
  /** Where the values are while a run is timed; `gpu` only where the chosen engine has one. */
  get residency(): Residency {
    return this.hasGpu ? this.#residency : 'cpu'
  }
  get hasGpu(): boolean {
    return this.#engineKey === 'ort-webgpu'
  }
  /** What models are timed with: real samples where there are some. */
  get raceInputs(): InputSource {
    return inputsFrom(this.evaluation, RACE_INPUTS)
  }
  /** Test data of the bundled models. */
  get evaluation(): DatasetRef | undefined {
    const zooId = this.#model?.zooId
    return zooId && { kind: 'zoo', id: ZOO_MODELS[zooId].datasetId }
  }
  get activity(): Activity {
    return this.#activity
  }
  get record(): RunRecord | undefined {
    return this.#record
  }
  /** The result of the last run, to download. */
  get variant(): ModelFile | undefined {
    return this.#variant
  }
  get problem(): LabError | undefined {
    return this.#problem
  }
  get isBusy(): boolean {
    return this.#activity.kind !== 'idle'
  }
  /** The preset that the recipe equals, if it is one as it stands. */
  get preset(): PresetName | undefined {
    const text = canonicalJson(this.#recipe.steps)
    return (Object.keys(presets) as PresetName[]).find((name) => canonicalJson(presetRecipe(name).steps) === text)
  }
  /** A step computes with ranges of activations, measured here or brought. */
  get usesRanges(): boolean {
    return this.#recipe.steps.some(
      ({ technique, options }) => dataNeed(catalog[technique as TechniqueId], options) !== 'nothing',
    )
  }
  get needsCalibration(): boolean {
    const isCalibrated = this.#recipe.calibration !== undefined
    return this.#recipe.steps.some(({ technique, options }) => {
      const need = dataNeed(catalog[technique as TechniqueId], options)
      return need === 'samples' || (need === 'ranges' && !isCalibrated)
    })
  }
  /** The recipe has changed since the last run. */
  get isStale(): boolean {
    return this.#record !== undefined && canonicalJson(this.#record.recipe) !== canonicalJson(this.#recipe)
  }
  get canMeasureMore(): boolean {
    const accuracy = this.#record?.accuracy
    return !this.isStale && accuracy !== undefined && accuracy.measured < accuracy.available
  }

  async findEngines(): Promise<void> {
    this.#engines = await findEngineChoices()
  }

  async openZoo(id: ZooModelId): Promise<void> {
    const { title } = ZOO_MODELS[id]
    await this.#open(title, async (signal) => {
      const files = await fetchZooModel(id, signal, (fraction) => {
        this.#activity = { kind: 'reading', name: title, fraction }
      })
      this.#calibration = { kind: 'zoo', id: ZOO_MODELS[id].calibrationId }
      return { files, zooId: id, preset: DEFAULT_PRESET }
    })
    if (this.#model?.zooId === id) await this.run()
  }

  async openFiles(files: readonly File[]): Promise<void> {
    const name = files.find((file) => file.name.endsWith('.onnx'))?.name ?? files[0]?.name ?? 'model'
    await this.#open(name, () => {
      this.#calibration = undefined
      return Promise.resolve({ files, preset: PRESET_WITHOUT_DATA })
    })
  }

  close(): void {
    this.cancel()
    if (this.#model) void this.#compress.release(this.#model.loaded.model.id)
    this.#model = undefined
    this.#forgetRun()
    this.#problem = undefined
  }

  choosePreset(name: PresetName): void {
    this.#recipe = presetRecipe(name)
  }

  /** Ranges are measured again by the next run. */
  forgetRanges(): void {
    this.#recipe = withoutRanges(this.#recipe)
  }

  /** A recipe with all its options, made by another part of the page. */
  useRecipe(recipe: Recipe): void {
    this.#recipe = recipe
  }

  /** Throws `options/invalid`; the recipe stays as it was then. */
  setOption(index: number, option: string, value: OptionValue): void {
    this.#setSteps(
      this.#recipe.steps.map((step, position) =>
        position === index ? { ...step, options: { ...step.options, [option]: value } } : step,
      ),
    )
  }

  addStep(technique: TechniqueId): void {
    this.#setSteps([...this.#recipe.steps, { technique, options: {} }])
  }

  removeStep(index: number): void {
    this.#setSteps(this.#recipe.steps.filter((_, position) => position !== index))
  }

  /** A saved recipe, with the ranges it may hold. What is wrong with it becomes the page's problem; the recipe stays then. */
  openRecipe(file: File): Promise<void> {
    return this.#adopt(async () => parseRecipeText(await file.text(), catalog))
  }

  /** Ranges that somebody else measured, such as ONNX Runtime's cache, instead of measuring them here. Errors as in `openRecipe`. */
  importRanges(file: File): Promise<void> {
    return this.#adopt(async () => {
      const { parseRanges } = await import('../../core/calibration/ranges-cache')
      const calibration = { source: `file:${file.name}`, indices: [], ranges: parseRanges(await file.text()) }
      return { ...this.#recipe, calibration }
    })
  }

  setCalibration(file: File): void {
    this.#calibration = { kind: 'npz', name: file.name, file }
  }

  /** `size`: a whole number from 0; throws `options/invalid` for others. */
  setFreeDimension(name: string, size: number): void {
    if (!Number.isInteger(size) || size < 0) {
      throw new LabError('options/invalid', `${name} is ${size}, expected a whole number from 0.`, { path: name })
    }
    this.#freeDimensions = { ...this.#freeDimensions, [name]: size }
  }

  chooseEngine(key: string): void {
    this.#engineKey = key
  }

  chooseSeconds(seconds: RaceSeconds): void {
    this.#seconds = seconds
  }

  chooseResidency(residency: Residency): void {
    this.#residency = residency
  }

  async run(): Promise<void> {
    const model = this.#model
    if (!model || this.isBusy) return
    this.#forgetRun()
    const listener = {
      progress: (stage: BenchStage, fraction: number, what: string) => {
        const isNew = this.#activity.kind !== 'running' || this.#activity.stage !== stage
        if (isNew || stage !== 'latency' || this.#isCalm()) this.#activity = { kind: 'running', stage, fraction, what }
      },
      record: (record: RunRecord) => (this.#record = record),
    }
    await this.#act({ kind: 'running', stage: BENCH_STAGES[0], fraction: 0, what: '' }, async (signal) => {
      const request = {
        name: model.name,
        original: model.loaded,
        recipe: this.#recipe,
        calibration: this.#calibration,
        evaluation: this.evaluation,
        freeDimensions: this.#freeDimensions,
        seconds: this.#seconds,
        mode: raceMode(this.#seconds),
        residency: this.residency,
        selfCheckOf: ({ environment }: EngineStart) => this.selfChecks.find(environment),
      }
      const clients = {
        compress: this.#compress,
        engine: this.engine,
        reference: this.referenceEngine,
      }
      const outcome = await runBench(request, clients, listener, signal)
      this.#record = outcome.record
      this.#variant = outcome.variant
      this.#accuracy = outcome.accuracy
    })
  }

  /** Counts right answers on to the next planned look. */
  async measureMore(): Promise<void> {
    const accuracy = this.#accuracy
    if (!accuracy || !this.canMeasureMore || this.isBusy) return
    await this.#act({ kind: 'counting', fraction: 0 }, async (signal) => {
      const progress = (fraction: number): void => {
        this.#activity = { kind: 'counting', fraction }
      }
      const found = await accuracy.measureToNextLook({ signal, progress })
      if (this.#record) this.#record = { ...this.#record, accuracy: found }
    })
  }

  /** Another timing, on its own in the page like a run. What it throws becomes the page's problem, but a cancel. */
  async race(
    kind: OtherRace,
    work: (signal: AbortSignal, progress: (fraction: number, what: string) => void) => Promise<void>,
  ): Promise<void> {
    if (this.isBusy) return
    await this.#act({ kind, fraction: 0, what: '' }, (signal) =>
      work(signal, (fraction, what) => {
        if (!signal.aborted && this.#isCalm()) this.#activity = { kind, fraction, what }
      }),
    )
  }

  cancel(): void {
    this.#abort?.abort()
  }

  dismissProblem(): void {
    this.#problem = undefined
  }

  /** The engine that was chosen to race on. */
  get engine(): EngineClient {
    return this.#client(this.#engineKey)
  }

  /** The plain WASM engine, for answers to the visitor's own inputs. */
  get referenceEngine(): EngineClient {
    return this.#client(PLAIN_WASM.key)
  }

  /** Opens models and runs recipes on them. */
  get compressor(): CompressClient {
    return this.#compress
  }

  async #adopt(read: () => Promise<Recipe>): Promise<void> {
    try {
      this.#recipe = await read()
      this.#problem = undefined
    } catch (error) {
      this.#problem = asLabError(error)
    }
  }

  /** Ranges were measured for the steps as they were, so they go with them. */
  #setSteps(steps: readonly RecipeStep[]): void {
    this.#recipe = parseRecipe({ ...withoutRanges(this.#recipe), steps }, catalog)
  }

  #client(key: string): EngineClient {
    const { engine, threads } = this.#engines.find((each) => each.key === key) ?? PLAIN_WASM
    return this.#enginePool.client(engine, threads)
  }

  /** Whether the page may change again, while something is timed. */
  #isCalm(): boolean {
    const now = performance.now()
    if (now - this.#shownAt < CALM_MS) return false
    this.#shownAt = now
    return true
  }

  #forgetRun(): void {
    if (this.#variant) void this.#compress.release(this.#variant.id)
    this.#variant = undefined
    this.#accuracy = undefined
    this.#record = undefined
  }

  async #open(
    name: string,
    find: (signal: AbortSignal) => Promise<{ files: readonly File[]; zooId?: ZooModelId; preset: PresetName }>,
  ): Promise<void> {
    this.close()
    await this.#act({ kind: 'reading', name, fraction: 0 }, async (signal) => {
      const { files, zooId, preset } = await find(signal)
      const loaded = await this.#compress.load(files, { signal })
      this.#recipe = presetRecipe(preset)
      this.#freeDimensions = loaded.freeDimensions
      this.#seconds = secondsFor(loaded.summary.macs)
      this.#model = { name, loaded, ...(zooId && { zooId }) }
    })
  }

  /** One activity at a time: a new one cancels what is under way. A failure is kept for the page to show, a cancel is not one. */
  async #act(activity: Activity, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.cancel()
    const abort = new AbortController()
    this.#abort = abort
    this.#activity = activity
    this.#problem = undefined
    try {
      await work(abort.signal)
    } catch (error) {
      if (!isCancelled(error) && this.#abort === abort) this.#problem = asLabError(error)
    } finally {
      if (this.#abort === abort) {
        this.#abort = undefined
        this.#activity = { kind: 'idle' }
      }
    }
  }
}

const withoutRanges = ({ version, seed, steps, target }: Recipe): Recipe => ({
  ...{ version, seed, steps },
  ...(target && { target }),
})

const KEY = Symbol('workspace')
export const provideWorkspace = (): Workspace => setContext(KEY, new Workspace())
export const useWorkspace = (): Workspace => getContext<Workspace>(KEY)

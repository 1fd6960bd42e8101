// Why this run's verdict may be believed: what was done, in plain words and with this run's own numbers. It claims nothing that is not
// in the record.

import { planSampling } from '../../measure/sampling-plan'
import type { LatencyJobResult } from '../../../workers/host/protocol'
import { digits } from '../platform/format'
import type { KeptSelfCheck } from '../platform/self-check-store'
import { intervalText, percent, residencyNote } from './latency-words'
import type { RunRecord } from './run-record'

export interface Reason {
  readonly title: string
  readonly text: string
}

/** Empty before something was timed. */
export function whyBelieve({ engineChecks, latency, selfCheck }: RunRecord): readonly Reason[] {
  const pair = latency?.comparison.pairs[0]
  if (!latency || !pair) return []
  const { comparison } = latency
  const [first] = engineChecks ?? []
  return [
    ...(first
      ? [
          {
            title: 'Right answers first',
            text: `Both models answered ${first.samples} inputs here as plain WASM does without optimizations. Had one failed, no speed would be shown.`,
          },
        ]
      : []),
    { title: 'Warm-up', text: warmUpText(comparison) },
    {
      title: 'In turn, by a coin',
      text: `${comparison.trace.length} slots of ${runsText(comparison)} in blocks A B B A or B A A B, so that whatever the device did meanwhile hit both. ${pair.blocks} blocks count.`,
    },
    { title: 'Few looks, planned before', text: looksText(latency) },
    {
      title: 'The interval',
      text: pair.ci95
        ? `The signed ranks of the block differences (Hodges–Lehmann) give ${digits(pair.ratio)}, 95 % interval ${intervalText(pair.ci95)}. It assumes nothing about how the noise is distributed.`
        : 'Fewer than ten blocks: there is no interval, and nothing is claimed.',
    },
    { title: 'The floor', text: floorText(comparison.margin) },
    { title: 'False claims', text: FALSE_CLAIMS },
    { title: 'This device', text: selfCheckText(selfCheck) },
  ]
}

function warmUpText({ variants, warmUpMs, restarts }: LatencyJobResult['comparison']): string {
  const runs = variants.map(({ warmUpMs: times }) => times.length).join(' and ')
  const again =
    restarts === 0 ? '' : ` A late speed-up showed ${restarts} times that it was not over; what came before is void.`
  return `${runs} runs in ${digits(warmUpMs / 1000)} s before anything counted, because compilers speed up late.${again}`
}

function runsText({ variants }: LatencyJobResult['comparison']): string {
  const counts = [...new Set(variants.map(({ runsPerSlot }) => runsPerSlot))]
  const runs = `${counts.join(' or ')} runs`
  return variants.some(({ isBatched }) => isBatched)
    ? `${runs}, timed at once because one is too short for the clock,`
    : runs
}

function looksText({ comparison: { plannedBlocks, pairs, mode } }: LatencyJobResult): string {
  const looks = pairs[0]?.looks ?? 0
  if (mode === 'sustained' || plannedBlocks === null) return 'A sustained run is looked at once, at its end.'
  const planned = Math.max(1, planSampling(plannedBlocks, 1).looks.length)
  return `Looked at ${looks} of ${planned} planned times, out of room for ${plannedBlocks} blocks. Whoever looks often enough finds a difference; the bounds of these looks are stricter, so that together they err in at most 5 %.`
}

const floorText = (margin: number): string =>
  `Two sessions of one file may differ by their place in memory: ±${percent(margin / 2)} % is allowed for that, and only estimates beyond ±${percent(margin)} % are claimed.`

/** Bars of docs/measuring.md that its simulations are held to. */
const FALSE_CLAIMS =
  'A model raced against itself must not come out faster or slower. On simulated noise (independent, autocorrelated, throttling, clock modes) at most 2.5 % may; docs/measuring.md has the figures and the command.'

function selfCheckText(kept: KeptSelfCheck | undefined): string {
  if (!kept) return 'Not checked yet: “Check this device” races the model against itself, here.'
  const { checkedAt, outcome, sameRaces, falseClaims, knownRaces, found, isSensitive } = kept
  const seen = `Checked on ${checkedAt.slice(0, 10)}: ${falseClaims} false ${falseClaims === 1 ? 'claim' : 'claims'} in ${sameRaces} races of a model against itself; a true 5 % found in ${found} of ${knownRaces}.`
  return [
    seen,
    ...(isSensitive === false ? ['It was too noisy to see 5 % every time: measure longer.'] : []),
    ...(outcome === 'kept' ? [] : [widenedText(kept)]),
  ].join(' ')
}

/** What a self-check that did not pass means for a verdict. */
const widenedText = ({ outcome, margin }: KeptSelfCheck): string =>
  outcome === 'unknown'
    ? 'It had too few blocks to say anything.'
    : `Equal sessions differ here, so differences up to ${percent(margin)} % mean nothing.`

/** What must stand beside the verdict: another timed region, a widened floor, a run that was not stopped early. */
export function caveatsOf({ latency, selfCheck }: RunRecord): readonly string[] {
  if (!latency) return []
  const resident = residencyNote(latency)
  const isWidened = selfCheck !== undefined && (selfCheck.outcome === 'widened' || selfCheck.outcome === 'unfit')
  return [
    ...(resident ? [`${resident}.`] : []),
    ...(isWidened ? [`Self-check of ${selfCheck.checkedAt.slice(0, 10)}: ${widenedText(selfCheck)}`] : []),
    ...(latency.comparison.mode === 'sustained' ? ['Sustained: the whole time was run, whatever was found.'] : []),
  ]
}

/** The same race in a terminal, with the files that the export gives. */
export function benchCommand({ latency, engine, original }: RunRecord): string | null {
  if (!latency || !engine) return null
  const { id, threads } = engine.facts
  const { budgetMs, margin, mode } = latency.comparison
  const files = [original.name.endsWith('.onnx') ? original.name : 'original.onnx', 'variant.onnx']
  return [
    'npm run lathe -- bench',
    ...files.map((name) => (/^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", String.raw`'\''`)}'`)),
    `--engine ${id === 'ort-wasm' ? `${id}:${threads}` : id} --where browser --seconds ${budgetMs / 1000} --margin ${margin}`,
    ...(mode === 'sustained' ? ['--sustained'] : []),
    ...(latency.residency === 'gpu' ? ['--resident'] : []),
  ].join(' ')
}

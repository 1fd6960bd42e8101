// What happened during sampling, in order: every slot, with the reason where it does not count, and every event. Nothing is taken
// out of it.

import type { RunEvent, TracedSlot, VoidReason } from './latency-comparison'

type OpenSlot = { -readonly [K in keyof TracedSlot]: TracedSlot[K] }

export class Journal {
  readonly #slots: OpenSlot[] = []
  readonly #events: RunEvent[] = []
  readonly #voidedBlocks: Record<VoidReason, number> = { hidden: 0, restarted: 0, deviceLost: 0 }
  readonly elapsedMs: () => number

  /** `elapsedMs`: time since sampling began. */
  constructor(elapsedMs: () => number) {
    this.elapsedMs = elapsedMs
  }

  get slots(): readonly TracedSlot[] {
    return this.#slots
  }
  get events(): readonly RunEvent[] {
    return this.#events
  }
  get voidedBlocks(): Readonly<Record<VoidReason, number>> {
    return this.#voidedBlocks
  }

  addSlot(slot: Omit<TracedSlot, 'voided'>): TracedSlot {
    const traced: OpenSlot = { ...slot, voided: null }
    this.#slots.push(traced)
    return traced
  }

  note(kind: RunEvent['kind'], block: number, variant: number | null = null): void {
    this.#events.push({ kind, atMs: this.elapsedMs(), block, variant })
  }

  count(kind: RunEvent['kind']): number {
    return this.#events.filter((event) => event.kind === kind).length
  }

  /** The slots of one block do not count. */
  voidSlots(slots: readonly TracedSlot[], reason: VoidReason): void {
    this.#voidedBlocks[reason]++
    for (const slot of this.#slots) if (slots.includes(slot)) slot.voided = reason
  }

  /** Nothing so far counts. */
  voidAll(reason: VoidReason): void {
    const counted = this.#slots.filter(({ voided }) => voided === null)
    this.#voidedBlocks[reason] += new Set(counted.map(({ block }) => block)).size
    for (const slot of counted) slot.voided = reason
  }
}

// Where the answers of an engine start to differ from the reference: what a bisection found, and how that is said.

import type { OutputCheck } from './engine-check'

export interface SiteNode {
  /** `nodeLabel`: its name, else operator and first output. */
  readonly name: string
  readonly opType: string
  /** `''` is ai.onnx. */
  readonly domain: string
  /** Place among the nodes of the main graph. */
  readonly index: number
}

/** `tensor` is the value that is wrong, `check` how far, both measured on the worst sample with right values going in. */
export type FaultSite =
  /** The node is wrong on its own, fed with the reference's values. */
  | { readonly kind: 'node'; readonly node: SiteNode; readonly tensor: string; readonly check: OutputCheck }
  /**
   * The nodes, in the order in which they run, are wrong together and right when any of their values is handed out (a wrong fusion), or
   * cannot be taken apart. `after`: the values that go in.
   */
  | {
      readonly kind: 'span'
      readonly nodes: readonly SiteNode[]
      readonly after: readonly string[]
      readonly tensor: string
      readonly check: OutputCheck
    }
  /**
   * Every node is within its tolerance alone; their small errors add up to more than that of `tensor`. `nodes`: the largest error first
   * where the nodes are few enough to be looked at one by one, else in the order in which they run.
   */
  | {
      readonly kind: 'accumulated'
      readonly nodes: readonly SiteNode[]
      readonly tensor: string
      readonly check: OutputCheck
    }
  /** `reason`: a sentence. */
  | { readonly kind: 'not-found'; readonly reason: string }

/** ``first differs at tensor `x`, after Conv `conv_12` ``: a clause for a sentence. Names come from the file: show them as text. */
export function describeFaultSite(site: FaultSite): string {
  switch (site.kind) {
    case 'node':
      return `first differs at tensor \`${site.tensor}\`, after ${called(site.node)}`
    case 'span':
      return `first differs at tensor \`${site.tensor}\`, after ${rangeOf(site.nodes)} together`
    case 'accumulated':
      return `small errors add up on the way to tensor \`${site.tensor}\`, over ${site.nodes.length} nodes`
    case 'not-found':
      return `where it starts was not found: ${site.reason}`
    default:
      return site satisfies never
  }
}

const called = ({ opType, name }: SiteNode): string => `${opType} \`${name}\``

/** ``Conv `a` and Relu `b` ``, ``Conv `a` to Relu `b` ``. */
function rangeOf(nodes: readonly SiteNode[]): string {
  const [first] = nodes
  const last = nodes.at(-1)
  if (!first || !last || first === last) return first ? called(first) : 'several nodes'
  return `${called(first)} ${nodes.length === 2 ? 'and' : 'to'} ${called(last)}`
}

// The quantization formula with the numbers of one tensor filled in, line by line.

import type { TensorDetail } from '../../sensitivity/tensor-detail'

/** Undefined for a tensor without numbers. */
export function workedFormula({ example, integers }: TensorDetail): readonly string[] | undefined {
  if (!example) return undefined
  const { value, scale, zeroPoint, rounded, integer, restored } = example
  const [lowest, highest] = integers
  const clipped = Math.min(Math.max(rounded, lowest), highest)
  const bounds = `${real(lowest)}, ${real(highest)}`
  return [
    `q = clip(round(x ÷ scale) + zero point, ${bounds})`,
    `  = clip(round(${real(value)} ÷ ${real(scale)}) + ${signed(zeroPoint)}, ${bounds})`,
    `  = clip(${real(rounded)}, ${bounds}) = ${real(clipped)}`,
    ...(clipped === integer ? [] : [`stored instead: ${real(integer)}, chosen by the technique`]),
    `x′ = (q − zero point) × scale`,
    `   = (${real(integer)} − ${signed(zeroPoint)}) × ${real(scale)} = ${real(restored)}`,
    `x′ − x = ${real(restored - value)}`,
  ]
}

/** Five significant digits. */
export function real(value: number): string {
  const isFar = value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)
  return (isFar ? value.toExponential(4) : String(Number(value.toPrecision(5)))).replaceAll('-', '−')
}

/** Behind a sign of its own. */
const signed = (value: number): string => (value < 0 ? `(−${-value})` : String(value))

// Rounding as IEEE 754 and ONNX mean it. `Math.round` sends ties towards +∞ and is wrong for quantization.

/** Adding and subtracting 1.5 · 2^52 leaves no bits for a fraction, so the addition itself rounds half to even. */
export const ROUNDING_SHIFT = 1.5 * 2 ** 52

/** Round half to even. Exact for |x| < 2^51; beyond that the value is returned nearly unchanged. */
export const roundHalfEven = (x: number): number => x + ROUNDING_SHIFT - ROUNDING_SHIFT

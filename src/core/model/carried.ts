// Parts of a file that Lathe does not interpret (unknown fields, doc strings, training info) but must not lose.
// Only `core/onnx` makes and reads them; everybody else passes them on with the object they came with.

declare const carried: unique symbol
export interface Carried {
  readonly [carried]: true
}

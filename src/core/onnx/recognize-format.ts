// Names files that people take for ONNX models, by their first bytes. It reads no such file.

interface Signature {
  readonly format: string
  readonly at?: number
  readonly bytes: readonly number[] | string
}

/** First match wins. Strings are ASCII. */
const SIGNATURES: readonly Signature[] = [
  { format: 'a zip archive', bytes: 'PK\x03\x04' },
  { format: 'an empty zip archive', bytes: 'PK\x05\x06' },
  { format: 'a gzip file (unpack it first)', bytes: [0x1f, 0x8b, 0x08] },
  { format: 'an xz archive', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { format: 'a 7z archive', bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c] },
  { format: 'a Zstandard archive', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { format: 'a bzip2 archive', bytes: 'BZh' },
  { format: 'a tar archive', at: 257, bytes: 'ustar' },
  { format: 'a TensorFlow Lite model (.tflite)', at: 4, bytes: 'TFL3' },
  { format: 'a model in ONNX Runtime format (.ort)', at: 4, bytes: 'ORTM' },
  { format: 'a GGUF model', bytes: 'GGUF' },
  { format: 'an HDF5 file (Keras .h5)', bytes: '\x89HDF\r\n\x1a\n' },
  { format: 'a NumPy array (.npy)', bytes: '\x93NUMPY' },
  { format: 'a PNG image', bytes: '\x89PNG' },
  { format: 'a JPEG image', bytes: [0xff, 0xd8, 0xff] },
  { format: 'a PDF document', bytes: '%PDF' },
  { format: 'a Git LFS pointer (fetch the file with "git lfs pull")', bytes: 'version https://git-lfs' },
]

const HEAD_BYTES = 1024
/** Pickle protocols 2 to 5 start with PROTO and the protocol's number. */
const PICKLE_PROTO = 0x80
const PYTORCH_ENTRY = 'data.pkl'

/** "a zip archive", "an HTML page"…; undefined where the first bytes fit nothing we know. */
export function recognizeFormat(bytes: Uint8Array): string | undefined {
  const found = SIGNATURES.find((signature) => startsWith(bytes, signature))
  if (found?.format === 'a zip archive' && ascii(bytes.subarray(0, HEAD_BYTES)).includes(PYTORCH_ENTRY)) {
    return 'a PyTorch checkpoint (export it to ONNX first)'
  }
  if (found) return found.format
  const protocol = bytes[1] ?? 0
  if (bytes[0] === PICKLE_PROTO && protocol >= 2 && protocol <= 5)
    return 'a Python pickle, such as an old PyTorch checkpoint'
  return isSafetensors(bytes) ? 'a safetensors file (weights without a graph)' : textFormat(bytes)
}

function startsWith(bytes: Uint8Array, { at = 0, bytes: wanted }: Signature): boolean {
  const codes = typeof wanted === 'string' ? Array.from(wanted, (letter) => letter.charCodeAt(0)) : wanted
  return bytes.byteLength >= at + codes.length && codes.every((code, index) => bytes[at + index] === code)
}

const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

/** A 64-bit header length, then JSON. */
function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.byteLength < 9 || bytes[8] !== '{'.charCodeAt(0)) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8)
  return Number(view.getBigUint64(0, true)) <= bytes.byteLength - 8
}

/** The first field of an ONNX file is never text, so a tag or brace is enough. */
function textFormat(bytes: Uint8Array): string | undefined {
  const head = ascii(bytes.subarray(0, HEAD_BYTES)).replace('\xef\xbb\xbf', '').trimStart().toLowerCase()
  if (head.startsWith('<!doctype html') || head.startsWith('<html'))
    return 'an HTML page (a download link that gave a web page)'
  if (head.startsWith('<')) return 'an XML or HTML document'
  if (head.startsWith('{') || head.startsWith('[{')) return 'JSON text'
  return undefined
}

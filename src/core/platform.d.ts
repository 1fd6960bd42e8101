// The only globals that the pure code may use besides ECMAScript 2023. All of them exist in windows, workers and Node 20.

interface AbortSignal {
  readonly aborted: boolean
}
declare function structuredClone<T>(value: T): T
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>
}
declare class TextDecoder {
  constructor(label?: string, options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean })
  decode(bytes?: Uint8Array): string
}
/** `subtle` is absent in insecure contexts (plain http on a LAN address). */
declare const crypto: {
  readonly subtle?: { digest(algorithm: 'SHA-256', data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> }
}

// Hands a file to the visitor.

/** The browser's own save dialog or download folder; `name` is what the file is called there. */
export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The click has started the download by then; the address only pins the blob in memory.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

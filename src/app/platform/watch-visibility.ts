// Tells when the page is hidden: browsers slow hidden pages down, so what is timed meanwhile is spoilt.

/** Returns a way to stop. */
export function watchVisibility(onHidden: () => void): () => void {
  const listener = (): void => {
    if (document.visibilityState === 'hidden') onHidden()
  }
  document.addEventListener('visibilitychange', listener)
  return () => document.removeEventListener('visibilitychange', listener)
}

// What workers cannot see for themselves: where the page is and whether anybody looks at it.

import type { PageFacts } from '../../../workers/host/protocol'

export const pageFacts = (): PageFacts => ({
  baseUrl: document.baseURI,
  isVisible: document.visibilityState === 'visible',
})

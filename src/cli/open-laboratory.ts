// Opens the laboratory that is asked for. Apart from the interface, because the laboratories themselves build on that.

import type { Place } from './engine-name'
import { withFittedDimensions, type Laboratory, type LaboratoryRequest } from './laboratory'

/** Throws `engine/unavailable` for a browser where there is none. */
export async function openLaboratory(request: LaboratoryRequest, place: Place): Promise<Laboratory> {
  const sized = withFittedDimensions(request)
  if (place === 'browser') return (await import('./browser-laboratory')).openBrowserLaboratory(sized)
  return (await import('./node-laboratory')).openNodeLaboratory(sized)
}

// What is said about a weight with values beyond float16.

import type { Note } from '../../core/pass/technique'

export const clampNote = (subject: string, count: number): Note => ({
  kind: 'warning',
  subject,
  text: `${count} of its values are beyond the largest float16 and took that value.`,
})

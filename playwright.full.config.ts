import base from './playwright.config'

// The journeys that need more time than `npm test` has: those tagged @full.
export default { ...base, grepInvert: [], grep: /@full/ }

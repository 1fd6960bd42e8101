import { defineConfig } from 'vitest/config'

// Studies: long runs over everything at hand that write their figures to tests/studies/results. No part of `npm test`.
export default defineConfig({ test: { include: ['tests/studies/**/*.study.ts'], testTimeout: 3_600_000 } })

import { expect, test } from 'vitest'

import { optionsTable } from './options-table'
import { choice, integer, toggle } from './spec'

test('a row an option, with its values, its default and when it counts', () => {
  const table = optionsTable({
    per: choice({ label: 'Per', help: 'One scale each.', choices: ['tensor', 'block'], default: 'tensor' }),
    size: integer({
      label: 'Size',
      help: 'Of a block.',
      default: 32,
      min: 16,
      max: 256,
      unit: 'numbers',
      showWhen: { per: 'block' },
    }),
    exact: toggle({ label: 'Exact', help: 'Slower.', default: false }),
  })
  expect(table).toBe(
    [
      '| Option  | Values            | Default  | What it does                             |',
      '| ------- | ----------------- | -------- | ---------------------------------------- |',
      '| `per`   | `tensor`, `block` | `tensor` | One scale each.                          |',
      '| `size`  | 16 to 256 numbers | `32`     | Of a block. Only where `per` is `block`. |',
      '| `exact` | `true`, `false`   | `false`  | Slower.                                  |',
    ].join('\n'),
  )
})

test('a technique without options says so', () => {
  expect(optionsTable({})).toBe('This technique has no options.')
})

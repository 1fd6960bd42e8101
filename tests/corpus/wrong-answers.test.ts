// Bar “wrong answers”: whatever operator an engine gets wrong, no speed is shown, the failing output is named, and the operator is found.
// Here every operator class of each number format on one model that has it; `tests/full` has all of them on all models.

import { expect, test } from 'vitest'

import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { FORMATS, smallSubject, subjectIn, zooSubject } from '../fixtures/faulty-subjects'
import { examineClass, operatorClasses } from '../fixtures/wrong-answers'

const engine = await createNodeEngine({ threads: 1 })
/** Together they have every operator class of the zoo and of the small models. */
const SMALL = ['tiny-lstm', 'tiny-resnet', 'tiny-vit', 'tiny-mobilenet', 'tiny-bert']
const originals = [await zooSubject('digits'), ...SMALL.map(smallSubject)]

/** Classes whose faults do not reach the answers of any model here, and why. */
const HIDDEN: Readonly<Record<string, string>> = {
  'int8-static Cast':
    'only in two early layers of tiny-mobilenet, whose random weights leave less than a tenth of it in the answers: as much as the ' +
    'roundings of its int8 layers may do. Cast is caught in the other formats.',
}

/** Classes that were caught in any format so far: a recipe's models add what it brings in. */
const caught = new Set<string>()

test.each(FORMATS)(
  'an operator that is wrong is caught and found: classes that come with %s',
  { timeout: 120_000 },
  async (format) => {
    const brought = new Set<string>()
    for (const original of originals) {
      const known = operatorClasses(original)
      const subject = await subjectIn(original, format)
      for (const [operator, nodes] of operatorClasses(subject)) {
        const isNew = format === 'float32' || !known.has(operator)
        if (!isNew || caught.has(`${format} ${operator}`)) continue
        brought.add(`${format} ${operator}`)
        // A wrong shape may keep the model from running at all; then another model must show the class.
        const { kind } = await examineClass(engine, subject, nodes)
        if (kind === 'caught') caught.add(`${format} ${operator}`)
      }
    }
    expect(brought.size).toBeGreaterThan(0)
    expect([...brought].filter((operator) => !caught.has(operator) && !(operator in HIDDEN))).toEqual([])
  },
)

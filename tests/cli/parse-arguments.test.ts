import { describe, expect, it } from 'vitest'
import { defineCommand } from '../../src/cli/command'
import { commands } from '../../src/cli/commands'
import { formatCommandHelp, formatHelp } from '../../src/cli/help'
import { parseArguments } from '../../src/cli/parse-arguments'

const command = defineCommand({
  name: 'plane',
  summary: 'Planes wood.',
  positionals: { usage: 'WOOD', min: 1, max: 1 },
  options: {
    output: { kind: 'text', short: 'o', value: 'OUT', isRequired: true, help: 'Where it goes.' },
    tool: { kind: 'list', value: 'TOOL', help: 'What to use.' },
    grain: { kind: 'choice', value: 'GRAIN', choices: ['along', 'across'], help: 'Which way.' },
    depth: { kind: 'number', value: 'MM', default: 0.5, min: 0.1, max: 3, help: 'How deep.' },
  },
})
const parse = (...words: string[]) => parseArguments(command, words)

describe('parsing a command line', () => {
  it('fills in what was not given', () => {
    expect(parse('oak', '-o', 'board')).toEqual({
      positionals: ['oak'],
      options: {
        ...{ output: 'board', tool: [], grain: undefined, depth: 0.5 },
        ...{ json: false, verbose: false, help: false },
      },
    })
  })

  it('takes values after a space or an equals sign, and lists by repetition', () => {
    const { options } = parse(
      '--output=a=b',
      '--tool',
      'x',
      '--tool=y',
      '--grain',
      'along',
      '--depth',
      '1',
      'oak',
      '--json',
    )
    expect(options).toMatchObject({ output: 'a=b', tool: ['x', 'y'], grain: 'along', depth: 1, json: true })
  })

  it('takes everything after -- as it stands', () => {
    expect(parse('-o', 'x', '--', '--oak').positionals).toEqual(['--oak'])
  })

  it.each([
    [['oak'], 'plane needs -o OUT: Where it goes.'],
    [['-o', 'x'], 'plane expects WOOD, got nothing.'],
    [['oak', 'elm', '-o', 'x'], '"elm" is one argument too many for plane; expected WOOD.'],
    [['oak', '-o'], '-o has no value; expected -o OUT.'],
    [['oak', '-o', ''], '-o is empty; expected OUT.'],
    [['oak', '-o', 'x', '-o', 'y'], '-o is given twice; expected it once.'],
    [['oak', '--json=1'], '--json takes no value, but "1" was given.'],
    [['oak', '-o', 'x', '--grain', 'up'], '--grain is "up"; expected one of: along, across.'],
    [['oak', '-o', 'x', '--depth', '9'], '--depth is "9"; expected a number from 0.1 to 3.'],
    [['oak', '-o', 'x', '--depth', 'deep'], '--depth is "deep"; expected a number from 0.1 to 3.'],
    [['oak', '-o', 'x', '--depth', ''], '--depth is ""; expected a number from 0.1 to 3.'],
    [
      ['oak', '--colour', 'red'],
      '"--colour" is no option of plane; expected one of: --output, -o, --tool, --grain, --depth, --json, --verbose, --help, -h.',
    ],
  ])('refuses %j with one line', (words, message) => {
    expect(() => parse(...words)).toThrow(expect.objectContaining({ code: 'cli/usage', message }))
  })

  it('misses nothing when help is asked for', () => {
    expect(parse('--help').options.help).toBe(true)
  })
})

describe('help', () => {
  it('shows every option of every command with its own words', () => {
    for (const spec of Object.values(commands)) {
      const help = formatCommandHelp(spec)
      expect(help).toContain(`Usage: lathe ${spec.name}`)
      for (const [name, { help: words }] of Object.entries(spec.options)) {
        expect(help).toContain(`--${name}`)
        expect(help).toContain(words)
      }
    }
  })

  it('lists the commands', () => {
    const help = formatHelp(Object.values(commands))
    const widest = Math.max(...Object.keys(commands).map(({ length }) => length))
    for (const { name, summary } of Object.values(commands)) {
      expect(help).toContain(`  ${name.padEnd(widest)}  ${summary}`)
    }
  })
})

// A process that burns one core in a plain loop: the neighbour that a measurement must live with.

import { spawn } from 'node:child_process'

/** Runs `body` beside the neighbour, which ends with it. */
export async function besideBusyNeighbour<T>(body: () => Promise<T>): Promise<T> {
  // It ends by itself should this process be killed: a study must not leave a core busy for ever.
  const loop = `const parent = process.ppid; for (;;) { for (let i = 0; i < 1e8; i++); if (process.ppid !== parent) process.exit() }`
  const neighbour = spawn(process.execPath, ['-e', loop], { stdio: 'ignore' })
  const ended = new Promise((done) => neighbour.once('close', done))
  try {
    await new Promise((started, failed) => neighbour.once('spawn', started).once('error', failed))
    return await body()
  } finally {
    neighbour.kill()
    await ended
  }
}

// Every task that a pass may hand to a worker: what a worker of the pool knows. Imported by such workers only.

import type { AnyTask } from '../core/tasks/task'
import { channelRangesTask, quantizeChannelsTask, quantizeWithTask } from '../core/tasks/weight-tasks'
import { roundBlocksTask } from './quantize-blocks/round-blocks-task'

export const tasks: readonly AnyTask[] = [channelRangesTask, quantizeChannelsTask, quantizeWithTask, roundBlocksTask]

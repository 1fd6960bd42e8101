// The three things a person may want of a model on a device. They are goals and not recipes: which recipe reaches them is decided by a race.

export const GOALS = ['speed', 'size', 'exact'] as const
export type Goal = (typeof GOALS)[number]

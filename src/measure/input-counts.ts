// How many inputs checks and races take: enough for answers to differ, few enough that real ones stay in memory.

/** Inputs of an engine check, and of fidelity where nobody asks for more. */
export const CHECK_INPUTS = 8
/** Inputs that rotate while timing. */
export const RACE_INPUTS = 16

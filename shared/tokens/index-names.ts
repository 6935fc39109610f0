/** Of the connections that sweeps visit: `sweepSlot`, keys only. No refresh changes it. */
export const SWEEP_INDEX = 'sweep';

/** Of the connections that need their admin, and whose token will be tried again: `appealShard`, `appealAt`, keys only. */
export const APPEALS_INDEX = 'appeals';

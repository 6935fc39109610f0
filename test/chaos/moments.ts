/** Where in a rotation a process is caught, seen from the wire. */
export const MOMENTS = [
  'before claim',
  'after claim',
  'before redeem',
  'after redeem',
  'before store',
  'after store',
] as const;

export type Moment = (typeof MOMENTS)[number];

export type Caught = 'killed' | 'stopped';

/** Tells that a worker is at this moment; says what it suffers there, if anything. */
export type Passing = (worker: string, moment: Moment) => Caught | undefined;

/** The clock of the system under test. */
export interface FastClock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** How long that many of its milliseconds take on this machine. */
  real(ms: number): number;
  /** It jumps: what it had to wait for is over. */
  advance(ms: number): void;
  readonly settings: ClockSettings;
}

export interface ClockSettings {
  /** When it agreed with the clock of this machine. */
  readonly origin: number;
  /** How much faster it has run since. */
  readonly speed: number;
  /** By how much it has jumped. */
  readonly ahead: number;
}

/** A clock that runs faster than this machine's; all processes with the same settings agree on it. */
export function fastClock({ origin, speed, ahead }: ClockSettings): FastClock {
  const machine = Date.now.bind(Date);
  let jumped = ahead;
  return {
    now: () => Math.floor(origin + (machine() - origin) * speed + jumped),
    real: (ms) => ms / speed,
    advance(ms) {
      jumped += ms;
    },
    get settings() {
      return { origin, speed, ahead: jumped };
    },
  };
}

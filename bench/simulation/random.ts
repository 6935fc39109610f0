/** Numbers by chance from 0 to 1 that a seed repeats (mulberry32). */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SAMPLES = 1 << 16;

/** Seconds that Jobber takes for an answer: log-normal with a median of 0.3 s, 1 in 100 over 1.5 s, none over 3 s. */
export function latencies(random: Random): () => number {
  const samples = Float32Array.from({ length: SAMPLES }, () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.min(3, 0.3 * Math.exp(0.7 * normal));
  });
  let next = 0;
  return () => {
    next = (next + 1) % SAMPLES;
    return samples[next] as number;
  };
}

/** Seconds until the next event of those that come `perHour` on average, at least one. */
export const waitFor = (perHour: number, random: Random): number =>
  Math.max(1, Math.round((-Math.log(1 - random()) * 3_600) / perHour));

/** A seeded source of random choices (mulberry32). */
export type Random = ReturnType<typeof random>;

export function random(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number) => Math.floor(next() * end);
  return {
    /** In [0, 1). */
    next,
    /** A whole number in [0, end). */
    below,
    between: (low: number, high: number) => low + next() * (high - low),
    pick: <T>(from: readonly T[]): T => from[below(from.length)] as T,
    shuffled<T>(from: readonly T[]): T[] {
      const deck = [...from];
      for (let last = deck.length - 1; last > 0; last--) {
        const other = below(last + 1);
        [deck[last], deck[other]] = [deck[other] as T, deck[last] as T];
      }
      return deck;
    },
  };
}

/** A pause that doubles from `first` to `most`, with full jitter so that waiters do not march in step. */
export function backoff(
  attempt: number,
  first: number,
  most: number,
  random = Math.random,
): number {
  const ceiling = Math.min(most, first * 2 ** attempt);
  return Math.ceil(ceiling / 2 + (random() * ceiling) / 2);
}

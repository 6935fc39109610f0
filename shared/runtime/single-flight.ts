/** Callers with the same key share one promise for as long as it is pending. */
export function singleFlight<T>() {
  const pending = new Map<string, Promise<T>>();
  return {
    /** Joins the call in flight for `key`, or starts one. */
    join(key: string, start: () => Promise<T>): Promise<T> {
      const joined = pending.get(key);
      if (joined) return joined;
      const started = start().finally(() => pending.delete(key));
      pending.set(key, started);
      return started;
    },
    pending: (key: string): Promise<T> | undefined => pending.get(key),
  };
}

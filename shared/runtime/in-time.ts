/**
 * The result of a call, or the reason of its signal once the time is over. Waits no longer than that even for a call that
 * does not listen to the signal: the AWS SDK does not while it pauses between two attempts.
 * @throws DOMException `TimeoutError`, and what the call throws
 */
export function inTime<T>(ms: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(Math.max(1, Math.floor(ms)));
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    call(signal).then(resolve, reject);
  });
}

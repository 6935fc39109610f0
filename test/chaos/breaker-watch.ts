/** The breaker's item after a write, as the table proxy saw it. Times are of the system's clock. */
interface State {
  readonly at: number;
  readonly container: string;
  readonly isOpen: boolean;
  readonly probeId: string | undefined;
}

/** A container took the probe's place: it alone may redeem. */
export interface Probe {
  readonly container: string;
  readonly at: number;
  /** When it gave the place back, or somebody else took it; Infinity: never. */
  readonly endedAt: number;
}

/** An item as DynamoDB writes it in JSON. */
export type Item = Readonly<Record<string, { readonly S?: string; readonly N?: string }>>;

export type BreakerWatch = ReturnType<typeof watchBreaker>;

/** Keeps what passed on the wire between the containers and the breaker's item. */
export function watchBreaker(now: () => number) {
  const states: State[] = [];
  const reads = new Map<string, number[]>();

  return {
    wrote(container: string, item: Item | undefined): void {
      const isOpen = item?.['openedAt'] !== undefined;
      states.push({ at: now(), container, isOpen, probeId: item?.['probeId']?.S });
    },
    /** The table's answer is about to leave for the container. */
    read(container: string): void {
      reads.set(container, [...(reads.get(container) ?? []), now()]);
    },
    /** When it was first open at or after that time; never: Infinity. */
    openFrom(start: number): number {
      if (states.findLast(({ at }) => at <= start)?.isOpen) return start;
      return states.find(({ at, isOpen }) => at > start && isOpen)?.at ?? Number.POSITIVE_INFINITY;
    },
    /** Whether it was open after the start, and closed again within some time before `at`. */
    wasClosed(start: number, at: number, within: number): boolean {
      const earlier = states.filter((each) => each.at > start && each.at < at);
      const closed = earlier.findLast(
        ({ isOpen }, index) => !isOpen && earlier[index - 1]?.isOpen === true,
      );
      const reopened = earlier.findLast(
        ({ isOpen }, index) => isOpen && earlier[index - 1]?.isOpen === false,
      );
      if (!closed) return false;
      return !reopened || reopened.at < closed.at || reopened.at > at - within;
    },
    /** How often it was opened and closed between these times. */
    changes(start: number, end: number): number {
      return states.filter(
        ({ at, isOpen }, index) =>
          at > start && at <= end && isOpen !== (states[index - 1]?.isOpen ?? false),
      ).length;
    },
    /** When the container read the item last, before that time. */
    lastRead: (container: string, before: number) =>
      reads.get(container)?.findLast((at) => at <= before),
    probes: (): Probe[] =>
      states.flatMap(({ container, at, probeId }, index) => {
        if (probeId === undefined || probeId === states[index - 1]?.probeId) return [];
        const end = states.find((each, later) => later > index && each.probeId !== probeId);
        return { container, at, endedAt: end?.at ?? Number.POSITIVE_INFINITY };
      }),
  };
}

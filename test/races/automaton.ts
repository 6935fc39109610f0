import { type Heard, LiveProcess, type Request } from './process.ts';

/** A point at which a process waits: all that can be seen of it from outside. */
export interface Node {
  readonly id: number;
  readonly requests: ReadonlyMap<number, Request>;
  /** Rotations that it has logged on the way here from the point before. */
  readonly logged: readonly string[];
  /** What it answered in the end. */
  readonly result: { readonly value: unknown } | undefined;
  readonly root: Root;
  readonly before: { readonly node: Node; readonly heard: Step } | undefined;
  readonly edges: Map<string, Edge>;
}

interface Root {
  readonly name: string;
  readonly skew: number;
  readonly run: (process: LiveProcess) => Promise<unknown>;
  /** Where it waits for its turn. */
  first?: Node;
}

interface Step {
  readonly number: number;
  readonly heard: Heard;
  readonly now: number;
}

/** Where a process goes on hearing something: always there, or depending on the time if it looked at the clock. */
interface Edge {
  timeless?: Node;
  readonly at: Map<number, Node>;
}

/** How many processes stay alive, each at the point it has reached: most of the time it is needed there next. */
const LIVE = 500;

/**
 * Learns how processes behave by running the real code, each piece once. A process is a function of what it hears,
 * so whoever explores can go back to any point, and on from there with another answer, without running anything again.
 */
export class Automaton {
  #nodes = 0;
  readonly #roots = new Map<string, Node>();
  readonly #live = new Map<Node, LiveProcess>();

  get size(): number {
    return this.#nodes;
  }

  /** The process of this name before its first step; the name must tell its behaviour. */
  async start(name: string, skew: number, run: Root['run'], now: number): Promise<Node> {
    const known = this.#roots.get(name);
    if (known) return known;
    const root: Root = { name, skew, run };
    const process = new LiveProcess(name, skew);
    await process.start(run, now);
    if (process.readsClock) throw new Error(`${name} must wait before it looks at the clock.`);
    const node = this.#add(root, process, 0, undefined);
    this.#roots.set(name, node);
    root.first = node;
    return node;
  }

  /** Where the process is once it has heard this; a promise if the code has to run for it. */
  next(node: Node, number: number, heard: Heard, now: number): Node | Promise<Node> {
    const edge = node.edges.get(`${number} ${heard.key}`);
    return edge?.timeless ?? edge?.at.get(now) ?? this.#learn(node, { number, heard, now });
  }

  async #learn(node: Node, step: Step): Promise<Node> {
    const process = this.#live.get(node) ?? (await this.#revive(node));
    this.#live.delete(node);
    const logged = process.logged.length;
    await process.hear(step.number, step.heard, step.now);
    const next = this.#add(node.root, process, logged, { node, heard: step });
    const key = `${step.number} ${step.heard.key}`;
    const edge: Edge = node.edges.get(key) ?? { at: new Map() };
    node.edges.set(key, edge);
    if (process.readsClock) edge.at.set(step.now, next);
    else edge.timeless = next;
    return next;
  }

  #add(root: Root, process: LiveProcess, logged: number, before: Node['before']): Node {
    const requests = new Map([...process.open].map(([number, { request }]) => [number, request]));
    const node: Node = {
      id: this.#nodes++,
      requests,
      logged: process.logged.slice(logged),
      result: process.result,
      root,
      before,
      edges: new Map(),
    };
    if (requests.size > 0) this.#live.set(node, process);
    const [oldest] = this.#live.keys();
    if (oldest && this.#live.size > LIVE) this.#live.delete(oldest);
    return node;
  }

  async #revive(node: Node): Promise<LiveProcess> {
    const steps: Step[] = [];
    for (let each = node; each.before; each = each.before.node) steps.unshift(each.before.heard);
    const { name, skew, run } = node.root;
    const process = new LiveProcess(name, skew);
    await process.start(run, 0);
    for (const { number, heard, now } of steps) await process.hear(number, heard, now);
    return process;
  }
}

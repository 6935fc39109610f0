import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { type DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { type EpochMs, plus } from '../../shared/runtime/clock.ts';
import { BREAKER_ID } from '../../shared/tokens/breaker-id.ts';
import { breakerItem } from '../../shared/tokens/breaker-item.ts';
import { ESCROW_LOOK, GRACE, LEASE } from '../../shared/tokens/budgets.ts';
import { circuitBreaker } from '../../shared/tokens/circuit-breaker.ts';
import type { ActiveConnection } from '../../shared/tokens/connection.ts';
import { type ConnectionTable, connectionTable } from '../../shared/tokens/connection-table.ts';
import { disconnectProtocol } from '../../shared/tokens/disconnect.ts';
import { endConnection, isAboutGrantBefore } from '../../shared/tokens/end-connection.ts';
import { decodeRotation, saveRotation } from '../../shared/tokens/escrow.ts';
import { saveGrant } from '../../shared/tokens/save-grant.ts';
import type { KeyRing, RootKey } from '../../shared/tokens/sealing.ts';
import type { Redemption, TokenEndpoint } from '../../shared/tokens/token-endpoint.ts';
import { type TokenHelper, tokenHelper } from '../../shared/tokens/token-helper.ts';
import { AuthorizationServer, type IssuedPair, type Model } from './authorization-server.ts';
import { type Design, designs } from './designs.ts';
import { MemoryDynamoDb } from './memory-dynamodb.ts';
import { openNow } from './open-now.ts';
import { Oracle } from './oracle.ts';
import {
  type Actor,
  bytesAsText,
  digest,
  type Outcome,
  repeatableBytes,
  type Step,
  World,
} from './world.ts';

export const ROLES = [
  'caller',
  'rejected',
  'sweep',
  'callback',
  'webhook',
  'disconnect',
  'admin',
] as const;
export type Role = (typeof ROLES)[number];

export interface Scenario {
  readonly model: Model;
  /** `expired`: nobody has a valid token. `valid`: ten minutes are left, and sweeps find it due. */
  readonly start: 'expired' | 'valid';
  readonly roles: readonly Role[];
  /** As AWS does, or as the embedded DynamoDB does. @default true */
  readonly returnsFailedItem?: boolean;
  /** @default 'ours' */
  readonly design?: Design;
}

export interface Choice {
  readonly actor: string;
  readonly outcome: Outcome | 'stall';
}

const ACCOUNT = 'account';
/** How often a webhook or a sweep comes again before the run ends. */
const PATIENCE = 4;
/** How long each call may take. */
const TIME = 179_000;
const KEY: RootKey = { id: 'k'.repeat(32), secret: Buffer.from('secret') };
const keys: KeyRing = { current: async () => KEY, find: async () => KEY };

const WRITE_FAULTS: Outcome[] = ['crash', 'lost-reply', 'error-after', 'refused'];
const FAULTS: Record<string, readonly Outcome[]> = {
  get: ['error-before'],
  claim: WRITE_FAULTS,
  store: WRITE_FAULTS,
  storeUnchanged: WRITE_FAULTS,
  release: WRITE_FAULTS,
  lapse: WRITE_FAULTS,
  endRefused: WRITE_FAULTS,
  saveGrant: WRITE_FAULTS,
  markDisconnecting: WRITE_FAULTS,
  end: WRITE_FAULTS,
  revoke: ['crash', 'error-after', 'error-before'],
  redeem: ['crash', 'error-after', 'error-before'],
  escrow: ['crash', 'error-before'],
};

/** An account, its table and authorization server, and the processes of one scenario. */
export class Simulation {
  readonly world = new World();
  readonly #server: AuthorizationServer;
  readonly #db: MemoryDynamoDb;
  readonly #client = this.#countedClient();
  readonly #table: ConnectionTable;
  readonly #oracle: Oracle;
  readonly #scenario: Scenario;
  #initial: IssuedPair | undefined;
  #escrowed = 0;
  #label = '';

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#server = new AuthorizationServer(scenario.model, this.world.clock);
    this.#db = new MemoryDynamoDb(scenario.returnsFailedItem ?? true);
    this.#oracle = new Oracle(this.#server, () => {
      const stored = this.#stored();
      return {
        stored,
        storedToken:
          stored?.refreshToken && openNow(KEY, stored.refreshToken, ACCOUNT, 'refreshToken'),
        storedAccessToken: () =>
          stored?.accessToken && openNow(KEY, stored.accessToken, ACCOUNT, 'accessToken'),
      };
    });
    const table = connectionTable(this.#client, 'connections');
    this.#table = this.#labelled(table);
  }

  get violations() {
    return this.#oracle.violations;
  }

  /** Stores the first grant, and starts the processes as far as their first step. */
  async begin(): Promise<void> {
    const { start, roles } = this.#scenario;
    this.#initial = this.#server.authorize();
    this.world.start('first', () => this.#save(this.#initial as IssuedPair));
    await this.world.settle();
    await this.#runOut();
    this.world.actors.length = 0;
    this.world.pass((start === 'expired' ? 61 : 50) * 60_000);
    if (roles.includes('rejected')) this.#server.reject(this.#initial.accessToken);
    roles.forEach((role, index) => {
      const run = this.#process(role);
      this.world.start(`${role}-${index}`, async () => {
        await this.#step('begin', () => undefined);
        return run();
      });
    });
    await this.world.settle();
  }

  /** What may happen next, in a fixed order: who goes on, and what becomes of its step. */
  choices(faultsLeft: number, stallsLeft: number): Choice[] {
    const { pending } = this.world;
    const ready = pending.filter(
      (step) => step.wakeAt === undefined || this.#mayWake(step, step.wakeAt),
    );
    if (ready.length === 0 && pending.length > 0) {
      // Only time is left to pass: whoever wakes first goes on.
      const [first] = [...pending].sort((a, b) => (a.wakeAt ?? 0) - (b.wakeAt ?? 0));
      return first ? [{ actor: first.actor.name, outcome: 'ok' }] : [];
    }
    const choices = ready.flatMap(({ actor, label, faults }): Choice[] => {
      if (actor.refusedLabel === label) return [{ actor: actor.name, outcome: 'refused' }];
      const outcomes: Outcome[] = ['ok', ...(faultsLeft > 0 ? faults : [])];
      return outcomes.map((outcome) => ({ actor: actor.name, outcome }));
    });
    if (stallsLeft > 0 && pending.length > 0) choices.push({ actor: 'all', outcome: 'stall' });
    return choices;
  }

  /** A refusal that follows from an earlier one is not a further fault. */
  isForced({ actor, outcome }: Choice): boolean {
    const step = this.world.pending.find((each) => each.actor.name === actor);
    return outcome === 'refused' && step?.actor.refusedLabel === step?.label;
  }

  async take({ actor, outcome }: Choice): Promise<void> {
    if (outcome === 'stall') {
      this.#oracle.stalls++;
      this.world.pass(LEASE + 1);
      return;
    }
    const step = this.world.pending.find((each) => each.actor.name === actor);
    if (!step) throw new Error(`${actor} waits for nothing.`);
    await this.world.take(step, outcome);
    this.#oracle.stepped(step.actor, step.label, outcome);
  }

  /** Everything that decides what can still happen. */
  fingerprint(): string {
    const { now, actors, pending, version } = this.world;
    const state = [
      now,
      this.#db.items.get(ACCOUNT),
      this.#db.items.get(BREAKER_ID),
      this.#server.snapshot(),
      actors.map(({ name, history, state, sawVersion, refusedLabel }) => [
        name,
        history,
        state,
        sawVersion === version,
        refusedLabel,
      ]),
      pending.map(({ actor, label }) => `${actor.name} ${label}`).sort(),
      this.#oracle.faults,
      this.#oracle.stalls,
    ];
    return digest(JSON.stringify(state, bytesAsText));
  }

  /** Checks the quiet point; then callers come later, one after the other, and nothing goes wrong any more. */
  async conclude(): Promise<void> {
    await this.#runOut();
    this.#oracle.quiet(this.world.actors);
    let last: Actor | undefined;
    // A verdict needs two refusals, and as long between them as after the takeover of a lease.
    const waits = [LEASE + 1, 61 * 60_000, GRACE + 60_000, GRACE + 60_000];
    for (const [index, wait] of waits.entries()) {
      this.world.pass(wait);
      last = this.world.start(`later-${index}`, this.#process('caller'));
      await this.world.settle();
      await this.#runOut();
    }
    if (last) this.#oracle.end(last);
  }

  async #runOut(): Promise<void> {
    for (let steps = 0; ; steps++) {
      const [choice] = this.choices(0, 0);
      if (!choice) return;
      if (steps > 1_000) throw new Error('The processes come to no end.');
      await this.take(choice);
    }
  }

  /**
   * A process that follows another's refresh looks again when something changed, or nothing else can. None sleeps for
   * minutes while others stand still: that would be a stall of theirs.
   */
  #mayWake({ actor, ms = 0 }: Step, at: EpochMs): boolean {
    if (at > this.world.now + LEASE) return false;
    // Who waits for the escrow holds the lease itself.
    const follows = ms < ESCROW_LOOK && (actor.lastLabel === 'get' || actor.lastLabel === 'claim');
    const isLeaseOver = (this.#stored()?.leaseExpiresAt ?? 0) < this.world.now;
    return !follows || isLeaseOver || actor.sawVersion !== this.world.version;
  }

  #process(role: Role): () => Promise<unknown> {
    const design = designs[this.#scenario.design ?? 'ours'];
    const helper = tokenHelper({
      table: design(this.#table, this.#db, ACCOUNT),
      endpoint: this.#endpoint(),
      // Each process has its own, and all share its item.
      breaker: circuitBreaker({
        item: breakerItem(this.#client, 'connections'),
        clock: this.world.clock,
      }),
      escrow: {
        keep: (_, encoded) => this.#step('escrow', (actor) => this.#keep(actor, encoded)),
      },
      keys,
      clock: this.world.clock,
      telemetry: {
        count: () => undefined,
        tokenEndpointLatency: () => undefined,
        lastResort: (_, encoded) => this.#keep(this.world.current(), encoded),
      },
    });
    const deadline = () => plus(this.world.now, TIME);
    switch (role) {
      case 'caller':
        return () => helper.getAccessToken(ACCOUNT, { deadline: deadline() });
      case 'rejected':
        return () =>
          helper.getAccessToken(ACCOUNT, {
            rejectedToken: this.#initial?.accessToken,
            deadline: deadline(),
          });
      case 'sweep':
        return () =>
          helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900, deadline: deadline() });
      case 'callback':
        return async () =>
          this.#save(await this.#step('authorize', () => this.#server.authorize()));
      case 'webhook':
        return () => this.#webhook();
      case 'disconnect':
        return () => this.#disconnect(helper);
      case 'admin':
        return () => this.#step('revoke by admin', () => this.#revoke());
    }
  }

  #endpoint(): TokenEndpoint {
    const silence = (): Redemption => ({
      outcome: 'unknown',
      maybeRedeemed: true,
      cause: 'no answer',
    });
    return {
      accountOf: () => ACCOUNT,
      prepare: async () => ({
        clientId: 'client',
        redeem: (refreshToken) =>
          this.#step(
            'redeem',
            (actor) => {
              const answer = this.#server.redeem(refreshToken);
              this.#oracle.redeemed(actor, refreshToken, answer);
              return answer;
            },
            silence,
          ),
      }),
    };
  }

  /** SQS has it: a delivery begins, and is repeated until it succeeds. */
  #keep(actor: Actor, encoded: string): void {
    this.#oracle.escrowed(actor);
    const rotation = decodeRotation(encoded);
    this.world.start(`delivery-${++this.#escrowed}`, async () => {
      for (;;) {
        const saved = await saveRotation(this.#table, rotation).catch(() => undefined);
        if (saved) return saved;
      }
    });
  }

  /** Disconnected in Jobber, which takes a second; the webhook comes until it is answered with 2xx, or given up. */
  async #webhook(): Promise<void> {
    const occurredAt = await this.#step('revoke by admin', () => {
      const { now } = this.world;
      this.#revoke();
      this.world.pass(1_000);
      return now;
    });
    const isAbout = isAboutGrantBefore(occurredAt);
    const store = { table: this.#table, clock: this.world.clock };
    for (let delivery = 0; delivery < PATIENCE; delivery++) {
      const disconnect = { isAbout, reason: 'disconnected_in_jobber' } as const;
      if (await endConnection(store, ACCOUNT, disconnect).catch(() => undefined)) return;
    }
  }

  /** Asked for by the owner, then gone on with by sweeps until there is nothing left to do. */
  async #disconnect(tokens: TokenHelper): Promise<void> {
    const { disconnect, resume } = disconnectProtocol({
      table: this.#table,
      clock: this.world.clock,
      tokens,
      revoke: (accessToken) =>
        this.#step(
          'revoke',
          () => {
            this.#oracle.revokedByAdmin = true;
            return this.#server.revoke(accessToken);
          },
          () => ({ outcome: 'unknown', cause: 'no answer' }),
        ),
    });
    const deadline = () => plus(this.world.now, TIME);
    let latest = await disconnect(ACCOUNT, deadline()).catch(() => undefined);
    for (let sweep = 0; sweep < PATIENCE && latest?.status === 'disconnecting'; sweep++) {
      await this.world.clock.sleep(5 * 60_000);
      latest = await resume(ACCOUNT, deadline()).catch(() => latest);
    }
  }

  #revoke(): void {
    this.#server.revokeAll();
    this.#oracle.revokedByAdmin = true;
  }

  async #save(pair: IssuedPair): Promise<void> {
    const grant = {
      ...pair,
      accountId: ACCOUNT,
      accountName: 'name',
      clientId: 'client',
      connectedAt: this.world.now,
    };
    await saveGrant(
      { table: this.#table, clock: this.world.clock },
      KEY,
      grant,
      plus(this.world.now, 25_000),
    );
  }

  #countedClient(): DynamoDBDocumentClient {
    const send = (command: { input: unknown }) => {
      const { Key } = command.input as { Key: { accountId: string } };
      // The breaker protects a fleet, not a connection: whatever it says, the protocol holds. So it adds no interleavings.
      if (Key.accountId === BREAKER_ID) {
        return this.world.atOnce('breaker', () => this.#db.perform(command));
      }
      const label = command instanceof GetCommand ? 'get' : this.#label;
      return this.#step(label, (actor) => {
        const reply = this.#db.perform(command);
        if (label !== 'get') this.world.version++;
        if (label === 'saveGrant') this.#oracle.granted();
        if (label === 'claim') this.#oracle.claimed(actor);
        if (label === 'markDisconnecting') this.#oracle.marked();
        if (label === 'end' || label === 'endRefused') this.#oracle.disconnected = true;
        return reply;
      });
    };
    return { send } as unknown as DynamoDBDocumentClient;
  }

  /** Names the steps after the table's functions. */
  #labelled(table: ConnectionTable): ConnectionTable {
    const entries = Object.entries(table).map(([name, call]) => [
      name,
      (...args: never[]) => {
        this.#label = name;
        return (call as (...args: never[]) => unknown)(...args);
      },
    ]);
    return Object.fromEntries(entries) as ConnectionTable;
  }

  #step<T>(label: string, perform: (actor: Actor) => T, silence?: () => T): Promise<T> {
    const actor = this.world.current();
    const isDelivery = actor.name.startsWith('delivery');
    return this.world.step(label, () => perform(actor), {
      faults: isDelivery ? ['lost-reply', 'error-after'] : (FAULTS[label] ?? []),
      ...(silence && { silence }),
    }) as Promise<T>;
  }

  #stored(): ActiveConnection | undefined {
    return this.#db.items.get(ACCOUNT) as unknown as ActiveConnection | undefined;
  }
}

/* From here on, everything random in this process is repeatable. */
crypto.randomBytes = repeatableBytes as typeof crypto.randomBytes;
syncBuiltinESMExports();
Math.random = () => 0.5;
/* And no call ends because this machine is slow. */
AbortSignal.timeout = () => new AbortController().signal;

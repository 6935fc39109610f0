import {
  type DynamoDBDocumentClient,
  GetCommand,
  type GetCommandInput,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { functions } from '../../functions/manifest.ts';
import { grantedAt } from '../../shared/jobber/granted-at.ts';
import { plus } from '../../shared/runtime/clock.ts';
import { breakerItem } from '../../shared/tokens/breaker-item.ts';
import { circuitBreaker } from '../../shared/tokens/circuit-breaker.ts';
import { type ConnectionTable, connectionTable } from '../../shared/tokens/connection-table.ts';
import {
  type Disconnection,
  disconnectProtocol,
  type Revocation,
} from '../../shared/tokens/disconnect.ts';
import { endConnection, isAboutGrantBefore } from '../../shared/tokens/end-connection.ts';
import { decodeRotation, saveRotation } from '../../shared/tokens/escrow.ts';
import { saveGrant } from '../../shared/tokens/save-grant.ts';
import type { KeyRing } from '../../shared/tokens/sealing.ts';
import type { Redemption, TokenPair } from '../../shared/tokens/token-endpoint.ts';
import { type TokenHelper, tokenHelper } from '../../shared/tokens/token-helper.ts';
import { visits } from '../../shared/tokens/visit.ts';
import { ACCOUNT, KEEP_WARM, KEY } from './account.ts';
import { asText } from './as-text.ts';
import { type Design, designs } from './designs.ts';
import { keyOf } from './memory-dynamodb.ts';
import type { LiveProcess } from './process.ts';

/* What processes do: the real code of `shared/tokens/`, wired to a process that asks the explorer for everything. */

export const ROLES = [
  'caller',
  'rejected',
  'visit',
  'appeal',
  'resume',
  'two-calls',
  'callback',
  'webhook',
  'disconnect',
  'admin',
] as const;
export type Role = (typeof ROLES)[number];

/** The access token that the API rejected. */
export const REJECTED = 'A0.0';
/** How long a function has; and how long the callback tries to store its grant. */
const CALL_TIME = 179_000;
const SAVE_TIME = 15_000;
/** How often a webhook or a sweep comes again before the run ends. */
const PATIENCE = 2;
/** How long a message of the escrow queue is hidden after a delivery that failed. */
const VISIBILITY = 10_000;
const keys: KeyRing = { current: async () => KEY, find: async () => KEY };

/** What a process of this role does; it waits for its turn before anything else. */
export function processOf(role: Role, design: Design) {
  return async (process: LiveProcess): Promise<unknown> => {
    await process.ask({ kind: 'begin' });
    const { table, helper, visit } = systemOf(process, design);
    const deadline = plus(process.clock.now(), CALL_TIME);
    switch (role) {
      case 'caller':
        return helper.getAccessToken(ACCOUNT, { deadline });
      case 'rejected':
        return helper.getAccessToken(ACCOUNT, { rejectedToken: REJECTED, deadline });
      case 'visit':
        return visit(ACCOUNT, deadline);
      case 'two-calls':
        return Promise.allSettled([
          helper.getAccessToken(ACCOUNT, { deadline }),
          visit(ACCOUNT, deadline),
        ]);
      case 'callback':
        return callback(process, table);
      case 'webhook':
        return webhook(process, table);
      case 'disconnect':
        return disconnect(process, table, helper);
      case 'resume':
        return disconnecting(process, table, helper).resume(ACCOUNT, deadline);
      case 'appeal':
        return helper.appeal(ACCOUNT, { deadline });
      case 'admin':
        await process.ask({ kind: 'admin' });
        return undefined;
    }
  };
}

/** A message of the escrow queue: delivered until it is handled. */
export function deliveryOf(encoded: string, design: Design) {
  return async (process: LiveProcess): Promise<unknown> => {
    await process.ask({ kind: 'begin' });
    const { table } = systemOf(process, design);
    const rotation = decodeRotation(encoded);
    for (;;) {
      const saved = await saveRotation(table, rotation).catch(() => undefined);
      if (saved) return saved;
      await process.clock.sleep(VISIBILITY);
    }
  };
}

function systemOf(process: LiveProcess, design: Design) {
  const change = designs[design]();
  let label = '';
  const send = (sent: { input: unknown }) => {
    const isRead = sent instanceof GetCommand;
    const command =
      isRead || !change.rewrite
        ? sent
        : new UpdateCommand(change.rewrite(label, sent.input as UpdateCommandInput));
    return process.ask({
      kind: 'table',
      label: isRead ? (label.startsWith('breaker') ? 'breaker get' : 'get') : label,
      command,
      itemKey: keyOf(command.input as GetCommandInput),
      key: asText(command.input),
    });
  };
  const client = { send } as unknown as DynamoDBDocumentClient;
  // Requests are called after the functions that make them.
  const named = <T extends object>(functions: T, prefix = ''): T => {
    const entries = Object.entries(functions).map(([name, call]) => [
      name,
      (...args: never[]) => {
        label = prefix + name;
        return (call as (...args: never[]) => unknown)(...args);
      },
    ]);
    return Object.fromEntries(entries) as T;
  };
  const clock = change.clock?.(process.clock) ?? process.clock;
  const plain = named(connectionTable(client, 'connections'));
  const table = change.table?.(plain) ?? plain;
  const item = named(breakerItem(client, 'connections'), 'breaker ');
  const plainHelper = tokenHelper({
    table,
    endpoint: {
      prepare: async () => ({
        clientId: 'client',
        redeem: (refreshToken, timeoutMs) =>
          process.ask({ kind: 'redeem', refreshToken, timeoutMs }) as Promise<Redemption>,
      }),
      accountOf: () => ACCOUNT,
    },
    breaker: circuitBreaker({ item, clock }),
    escrow: {
      keep: async (_, encoded) => void (await process.ask({ kind: 'escrow', encoded })),
    },
    keys,
    clock,
    telemetry: {
      count: () => undefined,
      tokenEndpointLatency: () => undefined,
      lastResort: (_, encoded) => void process.logged.push(encoded),
    },
  });
  const helper = change.helper?.(plainHelper) ?? plainHelper;
  const { visit } = visits({
    tokens: helper,
    table,
    clock,
    keepWarm: KEEP_WARM,
    validityLeft: () => undefined,
  });
  return { table, helper, visit };
}

/** @returns whether the browser is told that the account is connected */
async function callback(process: LiveProcess, table: ConnectionTable): Promise<boolean> {
  const endsAt = plus(process.clock.now(), functions['oauth-callback'].timeoutSeconds * 1_000);
  const pair = (await process.ask({ kind: 'authorize' })) as TokenPair & { accessToken: string };
  // A stall has outlasted the function's time, so Lambda has ended it.
  if (process.clock.now() > endsAt) return false;
  const grant = {
    ...pair,
    accountId: ACCOUNT,
    accountName: 'name',
    clientId: 'client',
    connectedAt: grantedAt(pair.expiresAt, process.clock.now()),
  };
  const deadline = plus(process.clock.now(), SAVE_TIME);
  const { outcome } = await saveGrant({ table, clock: process.clock }, KEY, grant, deadline);
  return outcome === 'connected';
}

/** Disconnected in Jobber, which takes a second; the webhook comes until it is answered with 2xx, or given up. */
async function webhook(process: LiveProcess, table: ConnectionTable): Promise<void> {
  const occurredAt = (await process.ask({ kind: 'admin' })) as never;
  const about = {
    isAbout: isAboutGrantBefore(occurredAt),
    reason: 'disconnected_in_jobber',
  } as const;
  for (let delivery = 0; delivery < PATIENCE; delivery++) {
    await process.ask({ kind: 'begin' });
    const store = { table, clock: process.clock };
    if (await endConnection(store, ACCOUNT, about).catch(() => undefined)) return;
  }
}

/** Asked for by the owner, then gone on with by sweeps until there is nothing left to do. */
async function disconnect(
  process: LiveProcess,
  table: ConnectionTable,
  helper: TokenHelper,
): Promise<Disconnection | undefined> {
  const protocol = disconnecting(process, table, helper);
  const deadline = () => plus(process.clock.now(), CALL_TIME);
  let latest = await protocol.disconnect(ACCOUNT, deadline()).catch(() => undefined);
  for (let sweep = 0; sweep < PATIENCE && latest?.status === 'disconnecting'; sweep++) {
    await process.clock.sleep(5 * 60_000);
    latest = await protocol.resume(ACCOUNT, deadline()).catch(() => latest);
  }
  return latest;
}

const disconnecting = (process: LiveProcess, table: ConnectionTable, tokens: TokenHelper) =>
  disconnectProtocol({
    table,
    clock: process.clock,
    tokens,
    revoke: (accessToken) => process.ask({ kind: 'revoke', accessToken }) as Promise<Revocation>,
  });

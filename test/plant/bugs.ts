/** A bug of the kind that reads well in a review: a wrong order, a missing await, a stale read, a verdict on the wrong evidence. */
export interface PlantedBug {
  /** What the code does wrong, as a sentence. */
  readonly bug: string;
  /** Below `shared/tokens/`. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly code: string;
  readonly planted: string;
  /** The tests that must fail, below `test/`. */
  readonly convictedBy: readonly string[];
}

const tokens = (...names: string[]) => names.map((name) => `shared/tokens/${name}.test.ts`);

export const bugs: readonly PlantedBug[] = [
  {
    bug: 'The sealing key is loaded between the answer and STORE.',
    file: 'refresh.ts',
    code: 'ready.sealingKey,\n          );',
    planted: 'await keys.current(),\n          );',
    convictedBy: tokens('patience'),
  },
  {
    bug: 'The lease counts from the reply of CLAIM.',
    file: 'refresh.ts',
    code: 'return { held: { accountId, before, abandoned, refreshToken, leaseId, leaseExpiresAt } };',
    planted:
      'return { held: { accountId, before, abandoned, refreshToken, leaseId, leaseExpiresAt: plus(clock.now(), budget.LEASE) } };',
    convictedBy: tokens('patience'),
  },
  {
    bug: 'STORE is not awaited.',
    file: 'store-rotation.ts',
    code: `  const result = await attemptFor(clock, budget.STORE, (leftMs) =>
    table.store(accountId, redeemed, successor, leftMs),
  );`,
    planted: `  void attemptFor(clock, budget.STORE, (leftMs) =>
    table.store(accountId, redeemed, successor, leftMs),
  );
  const result = { stored: true } as StoreResult;`,
    convictedBy: tokens('call-budget', 'races'),
  },
  {
    bug: 'RELEASE is not awaited.',
    file: 'end-lease.ts',
    code: 'const released = await table.release(held, marks).catch(() => undefined);',
    planted:
      'void table.release(held, marks).catch(() => undefined);\n    const released = undefined as WriteResult | undefined;',
    convictedBy: tokens('outcomes'),
  },
  {
    bug: 'The verdict reads the item as it was at CLAIM.',
    file: 'end-lease.ts',
    code: 'const found = await whileNothingIsUnsaved(table.get(held.accountId));',
    planted: 'const found: Connection | undefined = before;',
    convictedBy: tokens('races', 'outcomes'),
  },
  {
    bug: 'The verdict forgets an attempt without an answer under its own lease.',
    file: 'verdict.ts',
    code: 'abandoned || unanswered || inDoubtSince',
    planted: 'abandoned || inDoubtSince',
    convictedBy: tokens('evidence'),
  },
  {
    bug: 'The verdict forgets an attempt without an answer under an earlier lease.',
    file: 'verdict.ts',
    code: ' || unconfirmedAt !== undefined',
    planted: '',
    convictedBy: tokens('outcomes'),
  },
  {
    bug: 'One refusal is enough.',
    file: 'verdict.ts',
    code: 'if (found.refusedAt === undefined || isWithinGrace(found.refusedAt, now)) return wait;',
    planted: '',
    convictedBy: tokens('outcomes', 'patience'),
  },
  {
    bug: 'The verdict does not wait for the holder whose lease was taken over.',
    file: 'verdict.ts',
    code: 'if (found.inDoubtSince !== undefined && isWithinGrace(found.inDoubtSince, now)) return wait;',
    planted: '',
    convictedBy: tokens('evidence'),
  },
  {
    bug: 'STORE asks for a lease.',
    file: 'store-writes.ts',
    code: `        ConditionExpression: NOBODY_ROTATED,
        ExpressionAttributeValues: {
          ...write`,
    planted: `        ConditionExpression: \`\${NOBODY_ROTATED} AND leaseExpiresAt > :one\`,
        ExpressionAttributeValues: {
          ...write`,
    convictedBy: tokens('crashes', 'escrow'),
  },
  {
    bug: 'STORE UNCHANGED does not ask for the lease.',
    file: 'store-writes.ts',
    code: `        ...write,
        ConditionExpression: \`\${NOBODY_ROTATED} AND \${LEASE_MINE}\`,`,
    planted: `        ...write,
        ConditionExpression: \`\${NOBODY_ROTATED} AND (\${LEASE_MINE} OR leaseId <> :lease OR attribute_not_exists(leaseId))\`,`,
    convictedBy: tokens('patience'),
  },
  {
    bug: 'Whoever takes over a lease does not wait for the escrow.',
    file: 'refresh.ts',
    code: 'abandoned ? await awaitEscrow(dependencies, held) : undefined',
    planted: 'undefined as { found: Connection | undefined } | undefined',
    convictedBy: tokens('patience'),
  },
  {
    bug: 'RENEW extends the lease of somebody else.',
    file: 'lease-writes.ts',
    code: `      ConditionExpression: \`\${NOBODY_ROTATED} AND \${LEASE_MINE}\`,
      ExpressionAttributeValues: { ...heldValues(held), ':leaseExpiresAt': expiresAt },`,
    planted: `      ConditionExpression: \`\${NOBODY_ROTATED} AND (\${LEASE_MINE} OR leaseId <> :lease)\`,
      ExpressionAttributeValues: { ...heldValues(held), ':leaseExpiresAt': expiresAt },`,
    convictedBy: tokens('evidence'),
  },
  {
    bug: 'A holder that lost its lease sends the token once more.',
    file: 'redeem.ts',
    code: 'return clock.now() <= lastStart && clock.now() < leaseExpiresAt;',
    planted: 'return clock.now() <= lastStart;',
    convictedBy: tokens('patience', 'corners'),
  },
  {
    bug: 'A refusal counts as a prompt answer, so it closes the circuit breaker.',
    file: 'refresh.ts',
    code: "if (redemption?.outcome === 'rotated') await ready",
    planted: 'if (redemption) await ready',
    convictedBy: tokens('circuit-breaker'),
  },
  {
    bug: 'Whoever may not probe tries to write the item of the circuit breaker.',
    file: 'circuit-breaker.ts',
    code: "if (state === 'open') throw new RefreshPausedError();",
    planted: "if (state === 'open') return passage({ probe: await takeProbe() });",
    convictedBy: tokens('breaker-passage'),
  },
  {
    bug: 'A connection goes idle though it was used since it was read.',
    file: 'use-writes.ts',
    code: "(usedAt === undefined ? 'attribute_not_exists(usedAt)' : 'usedAt = :usedAt')",
    planted: "(usedAt === undefined ? ':before = :before' : ':usedAt = :usedAt')",
    convictedBy: tokens('visit'),
  },
  {
    bug: 'The note of a use takes a connection out of the hands of a disconnect.',
    file: 'use-writes.ts',
    code: "'#status = :active AND attribute_not_exists(disconnectingSince)'",
    planted: "'#status = :active'",
    convictedBy: tokens('note-use'),
  },
  {
    bug: 'A sweep leaves out the minute after the last one.',
    file: 'sweep-wheel.ts',
    code: 'Math.max(minuteOf(last) + 1,',
    planted: 'Math.max(minuteOf(last) + 2,',
    convictedBy: tokens('sweep-wheel'),
  },
  {
    bug: 'The place of the probe is given back before its answer is known.',
    file: 'circuit-breaker.ts',
    code: `        sentAt = now;
        isReportedSlow = false;`,
    planted: `        sentAt = now;
        isReportedSlow = false;
        if (probe !== undefined) void quietly(item.holdProbe(probe.id, now));`,
    convictedBy: tokens('circuit-breaker'),
  },
  {
    bug: 'A spent token is marked before its successor is in escrow.',
    file: 'store-rotation.ts',
    code: '  else await table.markEscrowed',
    planted: '  await table.markEscrowed',
    convictedBy: tokens('evidence'),
  },
  {
    bug: 'An appeal does not move the next one on.',
    file: 'lease-writes.ts',
    code: "', appealAt = :next'),",
    planted: "', appealAt = if_not_exists(appealAt, :next)'),",
    convictedBy: tokens('patience'),
  },
  {
    bug: 'A dead letter of an unchanged token is stored.',
    file: 'escrow.ts',
    code: "if (sameSealed(redeemed, successor.refreshToken)) return 'superseded';",
    planted: 'void sameSealed;',
    convictedBy: tokens('patience'),
  },
  {
    bug: 'An earlier grant replaces a later one.',
    file: 'grant-writes.ts',
    code: 'OR connectedAt <= :connectedAt OR connectedAt > :soon',
    planted: 'OR connectedAt <= :connectedAt OR connectedAt > :connectedAt',
    convictedBy: tokens('connection-table'),
  },
];

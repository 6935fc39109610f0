import { describe, expect, it } from 'vitest';
import { statusChangeOf } from '../../../shared/tokens/status-change.ts';

const connection = {
  accountId: { S: 'account' },
  accountName: { S: 'Maple Street Plumbing' },
  grantId: { S: 'grant-1' },
  rotation: { N: '12' },
  status: { S: 'active' },
  connectedAt: { N: '1768467600000' },
};

describe('an item of the stream', () => {
  it('is a connection if its attributes are', () => {
    expect(statusChangeOf(undefined, connection)).toMatchObject({
      type: 'connection.established',
      detail: { accountId: 'account', rotation: 12, at: '2026-01-15T09:00:00.000Z' },
    });
  });

  it.each([
    ['accountId', undefined],
    ['rotation', undefined],
    ['rotation', { N: '-1' }],
    ['rotation', { N: '1.5' }],
    ['rotation', { S: '1' }],
    ['status', { S: 'unheard-of' }],
  ])('is none, and the error names what is wrong, if %s is %j', (attribute, value) => {
    const { [attribute as 'accountId']: _, ...rest } = connection;
    const item = value === undefined ? rest : { ...rest, [attribute]: value };
    expect(() => statusChangeOf(undefined, item)).toThrow(attribute);
  });
});

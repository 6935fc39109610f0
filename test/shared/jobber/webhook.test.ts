import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readWebhook } from '../../../shared/jobber/webhook.ts';

const read = (body: unknown) =>
  readWebhook(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
const json = (event: unknown) => read({ data: { webHookEvent: event } });
const form = (fields: Record<string, string>) =>
  read(
    new URLSearchParams(
      Object.entries(fields).map(([name, value]): [string, string] => [
        `data[webHookEvent][${name}]`,
        value,
      ]),
    ).toString(),
  );

const EVENT = {
  topic: 'APP_DISCONNECT',
  appId: 'MTA',
  accountId: 'MQ==',
  itemId: 'MQ==',
  occurredAt: '2021-08-12T16:31:36-06:00',
};
const canonical = (account: number) =>
  Buffer.from(`gid://Jobber/Account/${account}`).toString('base64');
const READ = { ...EVENT, accountId: canonical(1), occurredAt: Date.UTC(2021, 7, 12, 22, 31, 36) };

describe('a webhook', () => {
  it('is read as Jobber documents it', () => {
    expect(json(EVENT)).toEqual(READ);
  });

  it('is read as a form, for apps made before 2022-04-11', () => {
    expect(form(EVENT)).toEqual(READ);
    expect(read(`data=${encodeURIComponent(JSON.stringify({ webHookEvent: EVENT }))}`)).toEqual(
      READ,
    );
  });

  it('is read with occuredAt, for apps made before 2023-12-08', () => {
    const { occurredAt: occuredAt, ...rest } = EVENT;
    expect(json({ ...rest, occuredAt })).toEqual(READ);
    expect(form({ ...rest, occuredAt })).toEqual(READ);
  });

  it('may have numbers for ids, and none but the account’s', () => {
    const { appId: _, itemId: __, ...rest } = EVENT;
    expect(json({ ...rest, accountId: 430114 })).toEqual({
      ...READ,
      accountId: canonical(430114),
      appId: undefined,
      itemId: undefined,
    });
  });

  it.each([
    ['is empty', ''],
    ['is no JSON', '{"data":'],
    ['is something else', '[]'],
    ['is null', 'null'],
    ['has no event', '{"data":{}}'],
    ['has a null event', '{"data":{"webHookEvent":null}}'],
    ['has a form field that is no JSON', 'data=%7B'],
  ])('that %s is not read', (_, body) => {
    expect(read(body)).toBeUndefined();
  });

  it.each([
    ['no topic', { topic: undefined }],
    ['an empty topic', { topic: '' }],
    ['an endless topic', { topic: 'X'.repeat(129) }],
    ['no account', { accountId: undefined }],
    ['an empty account', { accountId: '' }],
    ['an account of another type', { accountId: { $gt: '' } }],
    ['no time', { occurredAt: undefined }],
    ['a time that is none', { occurredAt: 'yesterday' }],
  ])('with %s is not read', (_, change) => {
    expect(json({ ...EVENT, ...change })).toBeUndefined();
  });

  it('is read or not, whatever it is, without an exception', () => {
    const value = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.constantFrom('1', 7));
    const event = fc.record(
      {
        topic: value,
        accountId: value,
        appId: value,
        itemId: value,
        occurredAt: fc.oneof(value, fc.date({ noInvalidDate: true }).map(String)),
        occuredAt: value,
        __proto__: value,
      },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      event.map((each) => Buffer.from(JSON.stringify({ data: { webHookEvent: each } }))),
      fc
        .array(fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })))
        .map((fields) =>
          fields.map(([name, text]): [string, string] => [
            `data[webHookEvent][${name.toWellFormed()}]`,
            text.toWellFormed(),
          ]),
        )
        .map((fields) => Buffer.from(new URLSearchParams(fields).toString())),
    );
    fc.assert(
      fc.property(body, (bytes) => {
        const webhook = readWebhook(bytes);
        if (webhook === undefined) return;
        expect(webhook.topic).not.toBe('');
        expect(webhook.accountId).not.toBe('');
        expect(Number.isFinite(webhook.occurredAt)).toBe(true);
        expect(() => new Date(webhook.occurredAt).toISOString()).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });
});

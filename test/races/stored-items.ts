import { ACCOUNT, KEY } from './account.ts';
import { asText } from './as-text.ts';
import { type Item, perform } from './memory-dynamodb.ts';
import { openNow } from './open-now.ts';
import type { Heard, Request } from './process.ts';

/** An item of the table, with its tokens opened. Equal items are one object. */
export interface StoredItem {
  readonly id: number;
  /** As `id`, but the same for items that differ by a RENEW alone. */
  readonly unrenewedId: number;
  readonly attributes: Item | undefined;
  readonly refreshToken: string | undefined;
  readonly accessToken: string | undefined;
}

type TableRequest = Extract<Request, { kind: 'table' }>;

/** The table's items and what each command makes of them, each found out once. */
export class StoredItems {
  readonly #byText = new Map<string, StoredItem>();
  readonly #unrenewed = new Map<string, number>();
  readonly #effects = new Map<string, { item: StoredItem; heard: Heard }>();
  readonly #returnsFailedItem: boolean;
  readonly absent: StoredItem;

  constructor(returnsFailedItem: boolean) {
    this.#returnsFailedItem = returnsFailedItem;
    this.absent = this.of(undefined);
  }

  perform(before: StoredItem, { command, key }: TableRequest): { item: StoredItem; heard: Heard } {
    const question = `${before.id} ${key}`;
    const known = this.#effects.get(question);
    if (known) return known;
    const { item, reply } = perform(before.attributes, command, this.#returnsFailedItem);
    const effect = {
      item: item === before.attributes ? before : this.of(item),
      heard: { key: `${'error' in reply ? '!' : ''}${before.id}`, ...reply },
    };
    this.#effects.set(question, effect);
    return effect;
  }

  /** The item with these attributes. */
  of(attributes: Item | undefined): StoredItem {
    const entries = Object.entries(attributes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    const text = attributes ? asText(entries) : '';
    const known = this.#byText.get(text);
    if (known) return known;
    const { refreshToken, accessToken } = attributes ?? {};
    const item: StoredItem = {
      id: this.#byText.size,
      unrenewedId: this.#unrenewedId(entries),
      attributes,
      refreshToken: refreshToken
        ? openNow(KEY, refreshToken as never, ACCOUNT, 'refreshToken')
        : undefined,
      accessToken: accessToken
        ? openNow(KEY, accessToken as never, ACCOUNT, 'accessToken')
        : undefined,
    };
    this.#byText.set(text, item);
    return item;
  }

  #unrenewedId(entries: readonly [string, unknown][]): number {
    const text = asText(entries.filter(([name]) => name !== 'leaseExpiresAt'));
    const id = this.#unrenewed.get(text) ?? this.#unrenewed.size;
    this.#unrenewed.set(text, id);
    return id;
  }
}

import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  type GetCommandInput,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';

export type Item = Record<string, unknown>;

/** What a command makes of an item, and what its sender hears. */
export interface Effect {
  readonly item: Item | undefined;
  readonly reply: { readonly value: unknown } | { readonly error: Error };
}

/**
 * GetItem and UpdateItem on one item, with as much of the expression language as the protocol's writes use. A pure
 * function: `memory-dynamodb.test.ts` compares it with the real DynamoDB.
 * @param returnsFailedItem AWS returns the item of a failed condition if asked to; the embedded DynamoDB does not
 */
export function perform(
  before: Item | undefined,
  command: { input: unknown },
  returnsFailedItem = true,
): Effect {
  if (!(command instanceof UpdateCommand)) {
    return { item: before, reply: { value: { Item: copy(before) } } };
  }
  const { input } = command;
  const scope: Scope = {
    item: before ?? {},
    names: input.ExpressionAttributeNames ?? {},
    values: input.ExpressionAttributeValues ?? {},
  };
  if (!holds(input.ConditionExpression, scope)) {
    const error = new ConditionalCheckFailedException({
      message: 'The conditional request failed',
      $metadata: {},
      ...(returnsFailedItem &&
        before && { Item: marshall(before, { removeUndefinedValues: true }) }),
    });
    return { item: before, reply: { error } };
  }
  const after: Item = { ...before, accountId: keyOf(input) };
  for (const [, action, body = ''] of (input.UpdateExpression ?? '').matchAll(SECTIONS)) {
    for (const clause of body.split(/,(?![^(]*\))/)) {
      const [path = '', expression] = clause.split('=').map((part) => part.trim());
      const name = scope.names[path] ?? path;
      if (action === 'SET') after[name] = evaluate(expression ?? '', scope);
      else delete after[name];
    }
  }
  const value = input.ReturnValues === 'ALL_OLD' ? { Attributes: copy(before) } : {};
  return { item: after, reply: { value } };
}

/** The key of the item that a command is about. */
export const keyOf = ({ Key }: GetCommandInput | UpdateCommandInput) => String(Key?.['accountId']);

interface Scope {
  readonly item: Item;
  readonly names: Record<string, string>;
  readonly values: Record<string, unknown>;
}

const SECTIONS = /\b(SET|REMOVE)\s+(.*?)(?=\s+(?:SET|REMOVE)\s|$)/g;

const copy = (item: Item | undefined) => (item ? { ...item } : undefined);

/** OR of ANDs, with parentheses; DynamoDB's AND binds tighter, as here. */
function holds(expression: string | undefined, scope: Scope): boolean {
  if (expression === undefined) return true;
  return splitAt(expression, 'OR').some((anyOf) =>
    splitAt(anyOf, 'AND').every((term) => termHolds(term.trim(), scope)),
  );
}

function termHolds(term: string, scope: Scope): boolean {
  if (term.startsWith('(')) return holds(term.slice(1, -1), scope);
  const existence = /^attribute_(not_)?exists\((\S+)\)$/.exec(term);
  if (existence) {
    const isAbsent = evaluate(existence[2] ?? '', scope) === undefined;
    return existence[1] ? isAbsent : !isAbsent;
  }
  const [left = '', operator = '', right = ''] = term.split(/\s+/);
  const [a, b] = [evaluate(left, scope), evaluate(right, scope)];
  if (a === undefined || b === undefined) return operator === '<>';
  switch (operator) {
    case '=':
      return isSame(a, b);
    case '<>':
      return !isSame(a, b);
    case '>':
      return (a as number) > (b as number);
    case '<':
      return (a as number) < (b as number);
    case '<=':
      return (a as number) <= (b as number);
    case '>=':
      return (a as number) >= (b as number);
    default:
      throw new Error(`The operator of "${term}" is not known here.`);
  }
}

const isSame = (a: unknown, b: unknown) =>
  a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) === 0 : a === b;

function evaluate(expression: string, scope: Scope): unknown {
  const [first = '', second] = expression.split(' + ');
  if (second) return Number(evaluate(first, scope)) + Number(evaluate(second, scope));
  const orElse = /^if_not_exists\((\S+), (\S+)\)$/.exec(expression);
  if (orElse) return evaluate(orElse[1] ?? '', scope) ?? evaluate(orElse[2] ?? '', scope);
  if (first.startsWith(':')) return scope.values[first];
  return scope.item[scope.names[first] ?? first];
}

/** Splits at a word outside of parentheses. */
function splitAt(expression: string, word: 'AND' | 'OR'): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  const separator = ` ${word} `;
  for (let index = 0; index < expression.length; index++) {
    if (expression[index] === '(') depth++;
    else if (expression[index] === ')') depth--;
    else if (depth === 0 && expression.startsWith(separator, index)) {
      parts.push(expression.slice(start, index));
      start = index + separator.length;
    }
  }
  return [...parts, expression.slice(start)];
}

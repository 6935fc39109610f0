export interface Operation {
  readonly kind: 'query' | 'mutation';
  /** The root fields, each with the fields selected right below it. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** The product of all `first:` arguments, or 0 if there are none. */
  readonly nodes: number;
}

/**
 * Recognises one plain operation by simple means; this is no parser.
 * @returns undefined for what it does not understand: fragments, aliases, several operations.
 */
export function readOperation(
  query: string,
  variables: Readonly<Record<string, unknown>>,
): Operation | undefined {
  const source = query.replace(/"(?:\\.|[^"\\])*"/g, '""').replace(/#.*/g, '');
  const bare = withoutArguments(source).replace(/@\w+/g, '');
  const opening = /^\s*(?:(query|mutation)\s*\w*\s*)?\{/.exec(bare);
  if (!opening || /\.\.\.|:/.test(bare)) return undefined;

  const fields = readFields(bare.slice(opening[0].length));
  const kind = opening[1] === 'mutation' ? 'mutation' : 'query';
  return fields && { kind, fields, nodes: nodesOf(source, variables) };
}

/** Arguments and variable definitions can be nested only in lists and objects, not in parentheses. */
const withoutArguments = (source: string) => source.replace(/\([^()]*\)/g, '');

/** Reads on behind the first `{`, to its `}`, which must be the last token. */
function readFields(source: string): Map<string, string[]> | undefined {
  const fields = new Map<string, string[]>();
  let latest: string[] = [];
  let depth = 1;
  for (const [token] of source.matchAll(/[{}]|\w+|[^\s,]/g)) {
    if (depth === 0) return undefined;
    if (token === '{') depth++;
    else if (token === '}') depth--;
    else if (!/^\w+$/.test(token)) return undefined;
    else if (depth === 2) latest.push(token);
    else if (depth === 1) {
      latest = fields.get(token) ?? [];
      fields.set(token, latest);
    }
  }
  return depth === 0 && fields.size > 0 ? fields : undefined;
}

function nodesOf(source: string, variables: Readonly<Record<string, unknown>>): number {
  const counts = [...source.matchAll(/\bfirst\s*:\s*(?:(\d+)|\$(\w+))/g)].map(([, literal, name]) =>
    Number(literal ?? variables[name ?? ''] ?? 0),
  );
  return counts.length === 0 ? 0 : counts.reduce((product, count) => product * count, 1) || 0;
}

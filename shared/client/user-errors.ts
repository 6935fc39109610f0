import type { UserError } from './errors.ts';

/** The `userErrors` in the payloads of a mutation's fields, as far as its document selects them. */
export function userErrorsOf(data: unknown): UserError[] {
  return Object.values(Object(data)).flatMap((payload) => {
    const { userErrors } = Object(payload) as { userErrors?: unknown };
    return Array.isArray(userErrors) ? userErrors.map(readUserError) : [];
  });
}

function readUserError(entry: unknown): UserError {
  const { message, path } = Object(entry) as Record<string, unknown>;
  return {
    message: typeof message === 'string' ? message : 'no message',
    path: Array.isArray(path) ? path.map(String) : [],
  };
}

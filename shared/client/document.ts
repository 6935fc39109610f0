import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
import type { DocumentNode } from 'graphql';
import { print } from 'graphql/language/printer.js';

/**
 * A query as text, as `gql` parses it, or as GraphQL Code Generator writes it: its `TypedDocumentNode` and
 * `TypedDocumentString` carry the types of the result and the variables. The text carries them, too: TypeScript narrows
 * a constant to the part of the union that it was set to, and a plain `string` would lose them there.
 */
export type Document<Result, Variables> =
  | (string & DocumentTypeDecoration<Result, Variables>)
  | DocumentNode
  | DocumentTypeDecoration<Result, Variables>;

export function textOf(document: Document<never, never>): string {
  return typeof document === 'object' && 'kind' in document ? print(document) : String(document);
}

/** Whether a repetition may do something twice. A wrong no would be worse than a wrong yes, so any mention counts. */
export const mayChangeSomething = (text: string): boolean => /\bmutation\b/.test(text);

/** Whether the operation that runs is a mutation; `false` if that cannot be read. */
export function isMutation(text: string, operationName?: string | undefined): boolean {
  const operation = operationsIn(text).find(
    ({ name }) => operationName === undefined || name === operationName,
  );
  return operation?.type === 'mutation';
}

/** Strings, comments and directives, which are skipped, then brackets and names. */
const TOKEN =
  /"""(?:\\"""|[\s\S])*?"""|"(?:\\.|[^"\\\n])*"|#.*|@\s*\w+|(?<bracket>[{}()[\]])|(?<word>\w+)/g;

/** The operations of a document. GraphQL's own parser would nearly double the size of the client. */
function operationsIn(text: string): { type: string; name: string | undefined }[] {
  const operations = [];
  let depth = 0;
  let words: string[] = [];
  for (const { groups } of text.matchAll(TOKEN)) {
    const { bracket, word } = groups ?? {};
    if (word !== undefined && depth === 0) words.push(word);
    if (bracket === undefined) continue;
    depth += '{(['.includes(bracket) ? 1 : -1;
    if (bracket !== '}' || depth !== 0) continue;
    const [type = 'query', name] = words;
    if (type !== 'fragment') operations.push({ type, name });
    words = [];
  }
  return operations;
}

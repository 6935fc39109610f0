import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
import type { DocumentNode } from 'graphql';
import { print } from 'graphql/language/printer.js';

/**
 * A query as text, as `gql` parses it, or as GraphQL Code Generator writes it: its `TypedDocumentNode` and
 * `TypedDocumentString` carry the types of the result and the variables.
 */
export type Document<Result, Variables> =
  | string
  | DocumentNode
  | DocumentTypeDecoration<Result, Variables>;

export function textOf(document: Document<never, never>): string {
  return typeof document === 'object' && 'kind' in document ? print(document) : String(document);
}

/** Whether repeating it may do something twice; rather once too often than never. */
export const mayChangeSomething = (text: string): boolean => /\bmutation\b/.test(text);

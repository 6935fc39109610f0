import { getOperationAST, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { isMutation, textOf } from '../../../shared/client/document.ts';

const both = 'query Read { a } mutation Write { b } fragment mutation on A { c }';

describe('whether the operation is a mutation', () => {
  it.each<[string, string, string?]>([
    ['a mutation', 'mutation { a { userErrors { message } } }'],
    ['a named mutation', 'mutation Write($a: [In!]! = [{ b: 1 }]) @c(d: "}") { a(in: $a) { e } }'],
    ['a mutation behind a comment', '# query {\n mutation { a }'],
    ['a mutation behind its fragment', 'fragment F on A { b } mutation { a { ...F } }'],
    ['the mutation of several operations', both, 'Write'],
    ['the query of several operations', both, 'Read'],
    ['a query', 'query { a }'],
    ['a query without a keyword', '{ a(b: { c: "mutation {" }) { mutation } }'],
    ['a query with a comment about a mutation', '{ a } # mutation { a }'],
    ['a query with a string about a mutation', '{ a(b: "\\"} mutation {") }'],
    ['a query with a block string about a mutation', '{ a(b: """ \\""" } mutation { """) }'],
    [
      'a query with a field, a variable and a name of mutation',
      'query mutation($mutation: A) { mutation }',
    ],
    ['a subscription', 'subscription { a }'],
  ])('%s', (_, text, operationName) => {
    const operation = getOperationAST(parse(text), operationName);
    expect(isMutation(text, operationName)).toBe(operation?.operation === 'mutation');
    expect(isMutation(textOf(parse(text)), operationName)).toBe(
      operation?.operation === 'mutation',
    );
  });

  it.each(['', '{', 'mutation', '"', '}{', 'query { a }'.repeat(2)])(
    'is no for text of which no mutation can be read: %s',
    (text) => {
      expect(isMutation(text)).toBe(false);
    },
  );

  it('is found out in a large document within milliseconds', () => {
    const large = `mutation { ${'a(b: {c: [1]}) { d } '.repeat(5_000)} }`;
    const started = performance.now();
    expect(isMutation(large)).toBe(true);
    expect(performance.now() - started).toBeLessThan(200);
  });
});

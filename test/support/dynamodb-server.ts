import type { AddressInfo } from 'node:net';
import dynalite from 'dynalite';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    dynamoDbEndpoint: string;
  }
}

/** One DynamoDB for all tests: the one at `DYNAMODB_ENDPOINT`, else an embedded one. */
export default async function setup(project: TestProject): Promise<(() => void) | undefined> {
  const given = process.env['DYNAMODB_ENDPOINT'];
  if (given) {
    project.provide('dynamoDbEndpoint', given);
    return undefined;
  }
  const server = dynalite({ createTableMs: 0 });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  project.provide('dynamoDbEndpoint', `http://127.0.0.1:${port}`);
  return () => {
    server.close();
  };
}

import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Context } from 'aws-lambda';
import { type FunctionName, functions } from '../functions/manifest.ts';
import { isBuilt } from './built.ts';
import { type Container, startContainer } from './container.ts';

export type Handler = (event: never, context: Context) => Promise<unknown>;

export type Invoke = (name: string, event: unknown) => Promise<unknown>;

/** Where the functions run. */
export interface Lambda {
  /** Whether there is a function of that name. */
  has(name: string): boolean;
  readonly invoke: Invoke;
  /** One more process for the function, apart from the one that `invoke` uses. */
  start(name: FunctionName): Container;
  close(): void;
}

/** The owner's own functions: the file of each, by its name. */
export type OwnFunctions = Readonly<Record<string, string>>;

export const isOurs = (name: string): name is FunctionName => Object.hasOwn(functions, name);

/** The functions of this project, and the owner's, in this process with its environment. */
export function functionsInProcess(own: OwnFunctions): Lambda {
  const has = (name: string) => isOurs(name) || Object.hasOwn(own, name);
  return {
    has,
    async invoke(name, event) {
      const endsAt = Date.now() + settingsOf(name).timeoutSeconds * 1000;
      // At the first invocation, when the environment is set.
      const handler = isOurs(name) ? await ourHandler(name) : await ownHandler(own[name] ?? '');
      return handler(event as never, lambdaContext(name, endsAt));
    },
    start: (name) =>
      startContainer({
        name,
        file: fileOf(name),
        handler: 'handler',
        timeoutSeconds: functions[name].timeoutSeconds,
        environment: process.env,
      }),
    close() {},
  };
}

/** The source of a function, or the bundle that the package holds of it. */
const fileOf = (name: FunctionName): string =>
  fileURLToPath(
    new URL(isBuilt ? `../functions/${name}/index.js` : `../functions/${name}.ts`, import.meta.url),
  );

async function ourHandler(name: FunctionName): Promise<Handler> {
  const file = fileOf(name);
  // The bundle is CommonJS, whose exports `import` does not always find.
  if (isBuilt) return createRequire(import.meta.url)(file).handler;
  return (await import(pathToFileURL(file).href)).handler;
}

async function ownHandler(file: string): Promise<Handler> {
  const { handler } = await import(pathToFileURL(resolve(file)).href);
  if (typeof handler !== 'function') throw new Error(`${file} exports no function handler.`);
  return handler;
}

/** What a function of the owner's is given. */
const OWN = { timeoutSeconds: 300, memoryMB: 256 };

const settingsOf = (name: string) => (isOurs(name) ? functions[name] : OWN);

/** What Lambda tells a function of an invocation that may last until `endsAt`, in milliseconds since the epoch. */
export function lambdaContext(name: string, endsAt: number): Context {
  return {
    awsRequestId: crypto.randomUUID(),
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    memoryLimitInMB: String(settingsOf(name).memoryMB),
    getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
  } as Context;
}

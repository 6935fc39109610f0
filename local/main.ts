import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { environmentFile } from './environment-file.ts';
import { OneClearLine } from './one-clear-line.ts';
import { ASSEMBLY, synthesize } from './synthesize.ts';

/*
 * `npm start`: the whole system on this machine; `--demo`: a tour of it; `--bundled`: with the functions as they are
 * deployed.
 */

for (const signal of ['SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => process.kill(process.pid, 'SIGINT'));

try {
  const { demo, bundled } = readArguments();
  const settings = demo ? undefined : { port: readPort(), jobber: readJobber() };
  if (bundled && !process.env[ASSEMBLY]) await useAssembly();
  if (settings) {
    await serve(settings);
  } else {
    const { runDemo } = await import('./demo.ts');
    process.exitCode = (await runDemo()) ? 0 : 1;
  }
} catch (error) {
  if (!(error instanceof OneClearLine)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

/** For this process and those that the demo starts. */
async function useAssembly(): Promise<void> {
  process.stdout.write('Synthesizing the app …\n');
  const { folder, remove } = await synthesize();
  process.once('exit', remove);
  process.env[ASSEMBLY] = folder;
}

async function serve({
  port,
  jobber,
}: {
  port: number;
  jobber: ReturnType<typeof readJobber>;
}): Promise<void> {
  process.env['POWERTOOLS_LOG_LEVEL'] ??= 'CRITICAL';
  process.env['POWERTOOLS_METRICS_DISABLED'] ??= 'true';
  const { startLocalSystem } = await import('./system.ts');
  const folder = join(
    process.env['JOBBER_TOKENS_FOLDER'] ?? '.local',
    jobber ? 'jobber' : 'simulator',
  );
  const system = await startLocalSystem({
    port,
    folder: resolve(folder),
    jobber,
    assembly: process.env[ASSEMBLY],
  });
  process.once('SIGINT', () => {
    process.once('SIGINT', () => process.exit(130));
    system.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });

  const { url, pageKey, jobberUrl, awsUrl, environment } = system;
  const file = environmentFile(folder, environment);
  process.once('exit', file.remove);
  process.stdout.write(`
jobber-tokens   ${url}${pageKey ? `   the key that its page asks for: ${pageKey}` : ''}
Jobber          ${jobberUrl}${jobber ? `   callback URL of the app: ${url}/oauth/callback` : ' (simulated)'}
Lambda          ${awsUrl}

For jobber-tokens/client, an AWS SDK, or the AWS CLI 2, in another terminal (the keys are new at each start):
  ${file.command}
  aws lambda invoke --endpoint-url ${awsUrl} --function-name get-token \\
    --cli-binary-format raw-in-base64-out --payload '{"accountId":"…"}' /dev/stdout

Ctrl-C stops it; the connections are kept in ${folder}. Close the other terminal then: its variables lead to
ports that any program of this machine may take.
`);
  process.send?.({ url, pageKey, jobberUrl, awsUrl, environment });
}

function readArguments(): { demo: boolean; bundled: boolean } {
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({ options: { demo: flag, bundled: flag } }).values;
  } catch (error) {
    throw new OneClearLine(
      `${(error as Error).message.split('.')[0]}. Known: --demo and --bundled.`,
    );
  }
}

function readPort(): number {
  const text = process.env['PORT'] ?? '3000';
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_533) {
    throw new OneClearLine(`PORT must be a number from 0 to 65533, not "${text}".`);
  }
  return port;
}

/** What an earlier start had somebody export leads to a port that any program of this machine may have by now. */
function refusePlainHttp(baseUrl: string | undefined): void {
  if (!baseUrl || baseUrl.startsWith('https:') || process.env['JOBBER_BASE_URL_HTTP'] === 'allow')
    return;
  throw new OneClearLine(
    'JOBBER_BASE_URL is not an https URL, so any program there would get your client secret and tokens. Unset it; an earlier start may have had you set it. Or set JOBBER_BASE_URL_HTTP=allow.',
  );
}

function readJobber() {
  const {
    JOBBER_CLIENT_ID: clientId,
    JOBBER_CLIENT_SECRET: clientSecret,
    JOBBER_BASE_URL: baseUrl,
  } = process.env;
  if (clientId && clientSecret) {
    refusePlainHttp(baseUrl);
    return { clientId, clientSecret, baseUrl: baseUrl ?? 'https://api.getjobber.com' };
  }
  if (clientId || clientSecret || baseUrl) {
    throw new OneClearLine(
      'To talk to Jobber itself, set both JOBBER_CLIENT_ID and JOBBER_CLIENT_SECRET; to use the simulator, unset both, and JOBBER_BASE_URL, which an earlier start may have had you set.',
    );
  }
  return undefined;
}

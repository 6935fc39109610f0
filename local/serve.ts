import { join, resolve } from 'node:path';
import { environmentFile } from './environment-file.ts';
import { OneClearLine } from './one-clear-line.ts';
import type { LocalSystemOptions } from './system.ts';

export interface Settings {
  readonly port: number;
  /** The real Jobber, with the credentials of an app; without it the simulator. */
  readonly jobber: ReturnType<typeof readJobber>;
}

/** From the environment. @throws OneClearLine */
export const readSettings = (): Settings => ({ port: readPort(), jobber: readJobber() });

/** Runs the whole system until somebody presses Ctrl-C, and prints where everything is. @throws OneClearLine */
export async function serve({
  port,
  jobber,
  own,
  assembly,
}: Settings & Pick<LocalSystemOptions, 'own' | 'assembly'>): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.kill(process.pid, 'SIGINT'));
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
    own,
    assembly,
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

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface ValidationReport {
  readonly pluginReports: readonly {
    readonly pluginName: string;
    readonly conclusion: string;
    readonly violations: readonly unknown[];
    readonly suppressedViolations: readonly { acknowledgedId: string; reason: string }[];
  }[];
}

/** The CDK CLI as a newcomer has it: no AWS account, no Docker, and here no network either. */
describe('npm run synth', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-synth-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let exitCode: number;
  let output: string;

  beforeAll(async () => {
    const nowhere = 'http://127.0.0.1:9';
    const child = spawn('npm', ['run', 'synth', '--', '--output', folder], {
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        HTTPS_PROXY: nowhere,
        HTTP_PROXY: nowhere,
        AWS_EC2_METADATA_DISABLED: 'true',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const streams = Promise.all([text(child.stdout), text(child.stderr)]);
    [exitCode] = await once(child, 'close');
    output = (await streams).join('\n');
  }, 180_000);

  const read = <T>(file: string): T => JSON.parse(readFileSync(join(folder, file), 'utf8'));

  it('works without an account and a network', () => {
    expect(exitCode, output).toBe(0);
  });

  it('violates no rule of cdk-nag’s AwsSolutions and Serverless', () => {
    const { pluginReports } = read<ValidationReport>('validation-report.json');
    expect(pluginReports.map(({ pluginName }) => pluginName)).toEqual([
      'AwsSolutions',
      'Serverless',
    ]);
    for (const { conclusion, violations } of pluginReports) {
      expect({ conclusion, violations }).toEqual({ conclusion: 'success', violations: [] });
    }
  });

  it('acknowledges these rules and no others, each for a reason', () => {
    const acknowledged = read<ValidationReport>('validation-report.json').pluginReports.flatMap(
      ({ suppressedViolations }) => suppressedViolations,
    );
    expect([...new Set(acknowledged.map(({ acknowledgedId }) => acknowledgedId))].sort()).toEqual([
      'AwsSolutions::AwsSolutions-APIG4',
      'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
      'AwsSolutions::AwsSolutions-SMG4',
      'AwsSolutions::AwsSolutions-SQS3',
      'Serverless::Serverless-LambdaAsyncFailureDestination',
      'Serverless::Serverless-LambdaDLQ',
      'Serverless::Serverless-LambdaEventSourceMappingDestination',
      'Serverless::Serverless-SQSRedrivePolicy',
    ]);
    for (const { reason } of acknowledged) expect(reason).toMatch(/^[A-Z].{20,}\.$/);
  });
});

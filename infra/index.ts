/* What a CDK app of the owner's imports: docs/deploying.md. */

export type { FunctionName } from '../functions/manifest.ts';
export type { ConnectionsTableProps, Replica } from './connections-table.ts';
export type { FunctionSettings } from './function-settings.ts';
export type { CustomDomain } from './http-api.ts';
export { JobberTokens } from './jobber-tokens.ts';
export type { JobberTokensProps } from './jobber-tokens-props.ts';
export { JobberTokensStack, type JobberTokensStackProps } from './jobber-tokens-stack.ts';
export type { MetricName } from './metrics.ts';
export { Monitoring, type MonitoringProps } from './monitoring.ts';
export type { NetworkProps } from './network.ts';

import type { FunctionName } from '../../functions/manifest.ts';

/**
 * The bytes that a bundle may have: what `npm run bundle` measured, and 3 % more for the SDK's next releases. A larger
 * one makes every cold start longer. Before raising a budget, look for what the bundle has no use for.
 */
export const budgets: Record<FunctionName, number> = {
  'oauth-connect': 258_000,
  'oauth-callback': 338_000,
  jwks: 234_000,
  'jobber-webhook': 338_000,
  'create-connect-link': 266_000,
  disconnect: 376_000,
  'publish-changes': 238_000,
  'get-token': 373_000,
  'refresh-sweep': 279_000,
  'refresh-connection': 380_000,
  'save-rotation': 282_000,
};

import type { FunctionName } from '../../functions/manifest.ts';

/**
 * The bytes that a bundle may have: what `npm run bundle` measured, and 3 % more for the SDK's next releases. A larger
 * one makes every cold start longer. Before raising a budget, look for what the bundle has no use for.
 */
export const budgets: Record<FunctionName, number> = {
  'oauth-connect': 397_000,
  'oauth-callback': 459_000,
  jwks: 372_000,
  'jobber-webhook': 471_000,
  'create-connect-link': 404_000,
  disconnect: 504_000,
  'publish-changes': 371_000,
  'get-token': 500_000,
  'refresh-sweep': 419_000,
  'refresh-connection': 500_000,
  'save-rotation': 420_000,
};

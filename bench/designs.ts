import { conditionalWriteOnly } from './baselines/conditional-write-only.ts';
import { lockStore } from './baselines/lock-store.ts';
import { lockTable } from './baselines/lock-table.ts';
import { simpleOauth2 } from './baselines/simple-oauth2.ts';
import type { Design, Setting } from './design.ts';
import { ours } from './ours.ts';

/** All that are compared, ours first. */
export const designs = {
  'jobber-tokens': ours,
  'simple-oauth2': simpleOauth2,
  'conditional write only': conditionalWriteOnly,
  'lock table': lockTable,
  'lock store': lockStore,
} satisfies Record<string, (setting: Setting) => Design>;

export type DesignName = keyof typeof designs;

export const designNames = Object.keys(designs) as DesignName[];

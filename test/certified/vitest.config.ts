import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** `npm run certified`: every outage, and slow answers. They mostly wait, so six run at once. */
export default defineConfig({
  test: {
    ...base.test,
    include: ['test/certified/every-outage.ts'],
    maxConcurrency: 6,
  },
});

import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** `npm run certified`: the minute that `npm test` has time for, and all that takes longer. They mostly wait, so all at once. */
export default defineConfig({
  test: {
    ...base.test,
    include: ['test/certified/*.test.ts', 'test/certified/longer.ts'],
    maxConcurrency: 20,
  },
});

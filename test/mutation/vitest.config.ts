import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** The tests of the protocol itself and of its events, which must notice any change. */
export default defineConfig({
  test: {
    ...base.test,
    include: ['test/shared/tokens/*.test.ts', 'test/functions/publish-changes.test.ts'],
  },
});

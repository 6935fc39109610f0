import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** The tests of the protocol itself and of its events, which must notice any change. */
export default defineConfig({
  test: {
    ...base.test,
    // Nothing here needs the package, which is built of all sources.
    globalSetup: 'test/support/dynamodb-server.ts',
    include: ['test/shared/tokens/*.test.ts', 'test/functions/publish-changes.test.ts'],
  },
});

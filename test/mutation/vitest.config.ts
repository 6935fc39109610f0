import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** The tests of the protocol itself, which must notice any change to it. */
export default defineConfig({
  test: { ...base.test, include: ['test/shared/tokens/*.test.ts'] },
});

import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** `npm run packed`: what other projects do with the tarball, on their Node and with their tools. Two minutes. */
export default defineConfig({
  test: { ...base.test, include: ['test/package/**/*.test.ts'], exclude: ['**/node_modules/**'] },
});

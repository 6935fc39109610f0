import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // `npm run packed` has these.
    exclude: ['test/package/**', '**/node_modules/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Many start processes and servers of their own.
    maxWorkers: 3,
    globalSetup: ['test/support/dynamodb-server.ts', 'test/support/built-package.ts'],
    env: {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      // `npm run synth` does that, in one test; here it would do it a dozen times.
      CDK_VALIDATION: 'false',
    },
  },
});

import type { BundlingOptions } from 'aws-cdk-lib/aws-lambda-nodejs';

/**
 * How esbuild makes one CommonJS file of a function, for `NodejsFunction` and for the measurements in `test/bundles/`.
 * Errors are told apart by literal names and codes, so minified class names do no harm.
 */
export const bundling = {
  target: 'node24',
  minify: true,
  // The SDK's ES modules leave out what is not used: about half the size and load time of the default.
  mainFields: ['module', 'main'],
  // The one tested, in one file, loads faster than the one in Lambda's runtime.
  bundleAwsSDK: true,
  // A quarter less to load. The path is from the project's root, where esbuild runs.
  esbuildArgs: {
    '--alias': '@aws-sdk/credential-provider-node=./shared/runtime/credentials.ts',
  },
  sourceMap: true,
  sourcesContent: false,
} satisfies BundlingOptions;

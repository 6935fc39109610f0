/**
 * What the bundles hold in place of `@aws-sdk/credential-provider-node`. Lambda gives a function its credentials in the
 * environment; the other sources (profiles, SSO, web identities, instance metadata) are a quarter of a bundle.
 */
export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env';

import { afterEach, describe, expect, it, vi } from 'vitest';
import { environment } from '../../../shared/runtime/environment.ts';

describe('the environment', () => {
  afterEach(() => void vi.unstubAllEnvs());

  it('names the variable that is missing', () => {
    vi.stubEnv('TABLE_NAME', '');
    expect(environment.tableName).toThrow('The environment variable TABLE_NAME is not set.');
  });

  it.each([
    'example.com',
    'ftp://example.com',
    'https://example.com/path',
    'https://example.com?x',
  ])('takes no %s for an origin', (value) => {
    vi.stubEnv('PUBLIC_URL', value);
    expect(environment.publicUrl).toThrow('PUBLIC_URL must hold an origin');
  });

  it('takes origins with or without a slash, and lists of them', () => {
    vi.stubEnv('PUBLIC_URL', 'https://example.com/');
    expect(environment.publicUrl()).toBe('https://example.com');
    vi.stubEnv('RETURN_TO_ORIGINS', ' https://a.example, ,http://localhost:8080/ ');
    expect(environment.returnToOrigins()).toEqual(['https://a.example', 'http://localhost:8080']);
  });

  it('talks to Jobber itself, and accepts its marketplace, unless told otherwise', () => {
    expect(environment.jobberBaseUrl()).toBe('https://api.getjobber.com');
    expect(environment.jobberGraphqlVersion()).toBe('2026-05-12');
    expect(environment.marketplaceConnect()).toBe(true);
    vi.stubEnv('MARKETPLACE_CONNECT', 'deny');
    expect(environment.marketplaceConnect()).toBe(false);
  });
});

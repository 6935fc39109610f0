import { describe, expect, it } from 'vitest';
import {
  APP_SECRET_PLACEHOLDER,
  AppSecretNotSetError,
  readCredentials,
} from '../../../shared/jobber/app-secret.ts';

const app = { clientId: 'marked-id', clientSecret: 'marked-secret' };

describe('the app secret', () => {
  it('holds the credentials, besides whatever else', () => {
    expect(readCredentials(JSON.stringify({ ...app, note: 'since May' }))).toEqual(app);
  });

  it.each([
    APP_SECRET_PLACEHOLDER,
    { ...APP_SECRET_PLACEHOLDER, clientId: 'marked-id' },
    { ...APP_SECRET_PLACEHOLDER, clientSecret: 'marked-secret' },
  ])('says that it is to be set while it holds (part of) its placeholder: %j', (secret) => {
    const read = () => readCredentials(JSON.stringify(secret));
    expect(read).toThrow(AppSecretNotSetError);
    expect(read).toThrow('Set the app secret');
  });

  it.each([
    'marked-secret',
    '"marked-secret"',
    'null',
    '[]',
    '{"clientId":"marked-id"}',
    '{"clientId":1,"clientSecret":"marked-secret"}',
    '{"clientId":"marked-id","clientSecret":"marked-sec',
  ])('is described, and not quoted, when it is malformed: %s', (json) => {
    const read = () => readCredentials(json);
    expect(read).toThrow('The app secret must be {"clientId": "…", "clientSecret": "…"}.');
    expect(read).not.toThrow('marked');
  });
});

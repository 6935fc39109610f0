import * as z from 'zod/mini';
import { canonicalAccountId } from './account-id.ts';

/** An account id that a function is invoked with, in any of Jobber's forms, of 256 characters at most. */
export const AccountId = z.pipe(
  z.string().check(z.minLength(1), z.maxLength(256)),
  z.transform(canonicalAccountId),
);

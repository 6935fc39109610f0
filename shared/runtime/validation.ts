import { en } from 'zod/locales';
import * as z from 'zod/mini';

// Not `z.locales.en`: a bundle would then hold every language.
z.config(en());

/** What is wrong with an input, in one line; quotes no value of it. */
export const problemsOf = (error: z.core.$ZodError): string =>
  error.issues
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
    .join('; ');

import * as z from 'zod/mini';

z.config(z.locales.en());

/** What is wrong with an input, in one line; quotes no value of it. */
export const problemsOf = (error: z.core.$ZodError): string =>
  error.issues
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
    .join('; ');

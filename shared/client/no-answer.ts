/** The message where a function could not be invoked, or ended without an answer. */
export const noAnswer = (name: string, what: string, retryable: boolean, advice?: string) =>
  `${name} gave no answer (${what}). ${
    advice ??
    (retryable
      ? 'No connection is affected; try again.'
      : `Check the name of the function ${name}, and that this function may invoke it.`)
  }`;

/* The other end of `processes.ts`, in a process of its own. */

export interface Reply {
  readonly answer?: unknown;
  readonly error?: string;
}

/** In the process: tells that it is ready with `first`, and answers each message with what `answer` makes of it. */
export function serve<Message>(answer: (message: Message) => Promise<unknown>, first?: unknown) {
  const reply = (what: Reply) => process.send?.(what);
  process.once('disconnect', () => process.exit());
  process.on('message', (message: Message) => {
    answer(message).then(
      (answered) => reply({ answer: answered }),
      (error: Error) => reply({ error: String(error.stack) }),
    );
  });
  reply({ answer: first });
}

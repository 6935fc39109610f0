/** The longest that SQS allows. Unlike messages that are hidden, of those that are delayed there may be any number. */
const LONGEST_DELAY_S = 900;

/**
 * How many seconds a visit that failed for now waits for its next try: 1, 2, 4, 8 and then 15 minutes, each up to half
 * sooner so that visits which failed together do not return together.
 * @param tries how often the visit was retried before
 */
export const visitDelay = (tries: number, random = Math.random): number =>
  Math.round(Math.min(60 * 2 ** tries, LONGEST_DELAY_S) * (1 - random() / 2));

import { type Session, writeSession } from './session.ts';
import type { SimulatorSettings } from './settings.ts';

export type Consents = ReturnType<typeof consentMemory>;

/**
 * Who has just allowed the app in the marketplace: not asked again, once. Whether Jobber asks again is not documented; a
 * person who tries this system wants to be asked for each account.
 */
export function consentMemory(settings: SimulatorSettings, now: () => number) {
  const givenAt = new Map<string, number>();
  return {
    give: (session: Session) => void givenAt.set(writeSession(session), now()),
    /** Whether the admin has allowed the app and is not to be asked again; the next time, they are. */
    take(session: Session): boolean {
      const given = givenAt.get(writeSession(session)) ?? 0;
      givenAt.delete(writeSession(session));
      return now() < given + settings.consentSeconds * 1_000;
    },
    forget: () => givenAt.clear(),
  };
}

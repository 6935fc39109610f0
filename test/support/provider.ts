import { randomBytes } from 'node:crypto';
import { type Clock, type EpochSeconds, plus, toSeconds } from '../../shared/runtime/clock.ts';
import type { Redemption, TokenEndpoint, TokenPair } from '../../shared/tokens/token-endpoint.ts';

/** How an authorization server treats a refresh token that was redeemed before. */
export type Reuse = 'refused' | 'grace' | 'revokes' | 'same-token';

/** What happens to the next redemption besides, or instead of, its being carried out. */
export type Step = (carryOut: () => Redemption) => Redemption | Promise<Redemption>;

/** What an answer holds that arrived whole. */
export type WholePair = TokenPair & { readonly accessToken: string };

/** An authorization server in memory, with one grant at a time. */
export interface Provider extends TokenEndpoint {
  readonly redemptions: string[];
  /** How long each of them may take. */
  readonly timeouts: number[];
  authorize(): WholePair;
  isLive(refreshToken: string): boolean;
  revoke(): void;
  /** Steps for the coming redemptions. */
  script(...steps: Step[]): void;
  reuse: Reuse;
  lifetimeSeconds: number;
  prepareFails: boolean;
  /** Happens while the credentials are loaded. */
  beforePrepare: () => void;
  clientId: string;
}

export function provider(clock: Clock): Provider {
  let live = new Set<string>();
  let used = new Set<string>();
  let steps: Step[] = [];
  const redemptions: string[] = [];
  const timeouts: number[] = [];

  const issue = (refreshToken: string): WholePair => {
    live.add(refreshToken);
    return {
      accessToken: `access-${randomBytes(8).toString('hex')}`,
      refreshToken,
      expiresAt: plus(toSeconds(clock.now()), self.lifetimeSeconds) as EpochSeconds,
    };
  };
  const newRefreshToken = () => randomBytes(16).toString('hex');

  function carryOut(refreshToken: string): Redemption {
    if (!live.has(refreshToken)) {
      if (self.reuse === 'revokes' && used.has(refreshToken)) live.clear();
      if (!(self.reuse === 'grace' && used.has(refreshToken))) return { outcome: 'refused' };
    }
    if (self.reuse === 'same-token') return { outcome: 'rotated', ...issue(refreshToken) };
    live.delete(refreshToken);
    used.add(refreshToken);
    return { outcome: 'rotated', ...issue(newRefreshToken()) };
  }

  const self: Provider = {
    redemptions,
    timeouts,
    reuse: 'refused',
    lifetimeSeconds: 3600,
    prepareFails: false,
    beforePrepare: () => undefined,
    clientId: 'client',
    authorize: () => issue(newRefreshToken()),
    isLive: (refreshToken) => live.has(refreshToken),
    revoke: () => {
      live = new Set();
      used = new Set();
    },
    script: (...coming) => {
      steps = coming;
    },
    accountOf: (accessToken) => /^access-of-(\w+)-/.exec(accessToken)?.[1],
    async prepare() {
      self.beforePrepare();
      if (self.prepareFails) throw new Error('AccessDeniedException');
      const redeem = async (refreshToken: string, timeoutMs: number) => {
        redemptions.push(refreshToken);
        timeouts.push(timeoutMs);
        const step = steps.shift() ?? ((go) => go());
        return step(() => carryOut(refreshToken));
      };
      return { redeem, clientId: self.clientId };
    },
  };
  return self;
}

export const noAnswer: Redemption = { outcome: 'unknown', maybeRedeemed: true, cause: 'no answer' };
export const unreachable: Redemption = {
  outcome: 'unknown',
  maybeRedeemed: false,
  cause: 'no answer',
};

/** The token is redeemed, and nobody hears of it. */
export const answerLost: Step = (carryOut) => {
  carryOut();
  return noAnswer;
};

/** The next request, or only its answer, is held up until the returned function is called. */
export function holdUp(server: Provider, what: 'request' | 'answer'): () => void {
  const holding = Promise.withResolvers<void>();
  server.script(async (carryOut) => {
    const early = what === 'answer' ? carryOut() : undefined;
    await holding.promise;
    return early ?? carryOut();
  });
  return holding.resolve;
}

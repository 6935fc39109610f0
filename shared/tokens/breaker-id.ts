/** The key of the item by which all processes know about the token endpoint. It is no account and holds no token. */
export const BREAKER_ID = 'jobber-tokens/circuit-breaker';

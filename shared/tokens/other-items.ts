/*
 * The table holds items that are no connections. They hold no token, no index has them, and no id of Jobber's begins as
 * their keys do.
 */
const OTHER_ITEMS = 'jobber-tokens/';

/** The item by which all processes know about the token endpoint. */
export const BREAKER_ID = `${OTHER_ITEMS}circuit-breaker`;

/** The item that says how far the sweeps have come. */
export const SWEEP_ID = `${OTHER_ITEMS}sweep`;

/** The items that say which account a connect link has connected. */
export const LINK_USE_PREFIX = `${OTHER_ITEMS}link/`;

/** When DynamoDB deletes an item, in seconds since the Unix epoch; connections have no such attribute. */
export const TIME_TO_LIVE = 'endsAt';

export const isConnectionId = (key: string): boolean => !key.startsWith(OTHER_ITEMS);

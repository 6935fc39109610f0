/** What the token helper reports. Only called when nothing unsaved is at hand. */
export interface Telemetry {
  count(metric: TokenMetric): void;
  /** Milliseconds from sending a refresh token to the end of the answer. */
  tokenEndpointLatency(ms: number): void;
  /** Neither the table nor the escrow took this rotation: write it down where a person finds it. */
  lastResort(accountId: string, encodedRotation: string): void;
}

export type TokenMetric =
  /** A rotation was stored. */
  | 'RefreshSucceeded'
  /** Another invocation's rotation was found and used. */
  | 'RefreshAdopted'
  /** A caller waited for another invocation's refresh. */
  | 'RefreshWaited'
  /** The token endpoint gave no usable answer. */
  | 'RefreshUnknown'
  /** A connection was found to need its admin. */
  | 'ReconnectRequired'
  /** A refresh was answered with tokens of another account. They were not stored. */
  | 'ForeignTokens'
  /** Our own client id or secret was rejected. */
  | 'ClientRejected'
  /** The table refused a rotation, which is now in escrow. */
  | 'RotationEscrowed'
  /** The escrow refused a rotation as well, which is now in the log alone. */
  | 'StoreFailed';

/** What an answer says of the API version: the extension `versioning` (Jobber, "API Versioning"). */
export interface Versioning {
  /** The version that answered. */
  readonly version: string | undefined;
  /** Jobber sends one from three months before the end of a version's support. */
  readonly warning: string | undefined;
}

export interface VersionNotice {
  /** `upgraded`: another version answered, since the one that was sent is removed. `warning`: all else. */
  readonly kind: 'upgraded' | 'warning';
  readonly message: string;
}

/** Compares the version that answered with the one that was sent, and passes Jobber's warning on. */
export function versionNotices(
  sent: string,
  { version, warning }: Versioning,
): readonly VersionNotice[] {
  const notices: VersionNotice[] = [];
  if (version !== undefined && version !== sent) {
    const message =
      `Jobber answered with API version ${version}, though ${sent} was sent: it has removed ${sent}. ` +
      'Check your queries against a supported version and set JOBBER_GRAPHQL_VERSION to it.';
    notices.push({ kind: 'upgraded', message });
  }
  if (warning !== undefined) notices.push({ kind: 'warning', message: warning });
  return notices;
}

/** For an answer of 404: no version of that date was ever released, or it is gone without a successor. */
export const unknownVersion = (sent: string): VersionNotice => ({
  kind: 'warning',
  message: `Jobber does not know API version ${sent}. Set JOBBER_GRAPHQL_VERSION to one that Jobber lists.`,
});

/** Passes each message on once: Jobber repeats its warning with every answer. */
export function eachOnce(report: (message: string) => void): (message: string) => void {
  const reported = new Set<string>();
  return (message) => {
    if (reported.has(message)) return;
    reported.add(message);
    report(message);
  };
}

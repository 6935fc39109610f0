/**
 * How long a version of the API lasts (Jobber, "API Versioning"):
 * - `supported`: answers without a warning
 * - `ending`: its support stops within three months; each answer warns
 * - `unsupported`: may be removed at any time; each answer warns
 * - `removed`: the oldest supported version answers in its place, and nothing but its number says so
 */
export type ApiVersionState = 'supported' | 'ending' | 'unsupported' | 'removed';

/** Every version that was ever released, by its date. */
export type ApiVersions = Readonly<Record<string, ApiVersionState>>;

/** Assumed: how long Jobber keeps each of these. Live apps use the newest one. */
export const API_VERSIONS: ApiVersions = {
  '2023-11-15': 'removed',
  '2024-06-10': 'removed',
  '2025-01-20': 'unsupported',
  '2025-04-16': 'ending',
  '2026-05-12': 'supported',
};

/** The version that answers a request for `asked`; `undefined` for a date that was never released. */
export function answeringVersion(versions: ApiVersions, asked: string): string | undefined {
  if (!Object.hasOwn(versions, asked)) return undefined;
  if (versions[asked] !== 'removed') return asked;
  return releases(versions).find((version) => isSupported(versions[version]));
}

/** The extension `versioning` of an answer by this version, with the warnings in Jobber's words. */
export function versioningOf(versions: ApiVersions, version: string) {
  const latest = releases(versions).at(-1);
  switch (versions[version]) {
    case 'ending':
      return {
        version,
        warning:
          `Support for API version ${version} is scheduled to stop on ${endOfSupport(version)}. ` +
          `Upgrade to the latest version ${latest} before that date. ${MORE_INFORMATION}`,
      };
    case 'unsupported':
      return {
        version,
        warning:
          `API Version ${version} is no longer supported, and will be removed at any time without warning. ` +
          `Upgrade to the latest API version ${latest} to ensure your app continues to function. ${MORE_INFORMATION}`,
      };
    default:
      return { version };
  }
}

const MORE_INFORMATION =
  'For more information: https://developer.getjobber.com/docs/using_jobbers_api/api_versioning';

/** Oldest first: dates in this format sort as text. */
const releases = (versions: ApiVersions) => Object.keys(versions).sort();

const isSupported = (state: ApiVersionState | undefined) =>
  state === 'supported' || state === 'ending';

/** Such as `May 13, 2023`. A version is supported for twelve months at least. */
function endOfSupport(version: string): string {
  const end = new Date(`${version}T00:00:00Z`);
  end.setUTCFullYear(end.getUTCFullYear() + 1);
  return end.toLocaleDateString('en-US', { dateStyle: 'long', timeZone: 'UTC' });
}

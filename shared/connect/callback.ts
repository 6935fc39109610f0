/** What Jobber's redirect says (RFC 6749, section 4.1.2). */
export type Callback =
  | { readonly kind: 'code'; readonly code: string; readonly state: string | undefined }
  | { readonly kind: 'declined' }
  | { readonly kind: 'link_expired' }
  | { readonly kind: 'not_completed' };

/** RFC 6749, appendix A.11; anything else is not sent on to Jobber in the app's name. */
const CODE = /^[\x21-\x7e]{1,512}$/;
const MAX_STATE_LENGTH = 4_096;

/** A user who declines comes back from Jobber with no parameters at all. */
export function readCallback(query: Record<string, string | undefined> | undefined): Callback {
  const { code, state, error } = query ?? {};
  if (error !== undefined) {
    return { kind: error === 'access_denied' ? 'declined' : 'not_completed' };
  }
  if (code === undefined && state === undefined) return { kind: 'declined' };
  if (code === undefined || !CODE.test(code) || (state?.length ?? 0) > MAX_STATE_LENGTH) {
    return { kind: 'link_expired' };
  }
  return { kind: 'code', code, state };
}

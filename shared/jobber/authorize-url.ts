/** RFC 6749, section 4.1.1; Jobber knows no PKCE and takes the scopes from the app's settings. */
export function authorizeUrl(
  baseUrl: string,
  params: { clientId: string; redirectUri: string; state: string },
): string {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: params.clientId,
    redirect_uri: params.redirectUri,
    state: params.state,
  });
  return `${baseUrl}/api/oauth/authorize?${query}`;
}

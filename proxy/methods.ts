/** Done twice they are as good as done once (RFC 9110 section 9.2.2). */
export const IDEMPOTENT: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
]);

/** What this proxy serves, as the field Allow has it (RFC 9110 section 10.2.1). */
export const ALLOW = ['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'] as const;

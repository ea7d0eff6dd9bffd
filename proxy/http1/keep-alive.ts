/** Whether a message leaves its connection open (RFC 9112 section 9.3). */
export function keepsAlive(version: string, connection: string | undefined): boolean {
  if (connection === undefined) return version === '1.1';
  const tokens = connection.toLowerCase().split(',');
  const has = (token: string): boolean => tokens.some((each) => each.trim() === token);
  return version === '1.1' ? !has('close') : has('keep-alive') && !has('close');
}

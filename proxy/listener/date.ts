const SECOND_MS = 1_000;
let text = '';
let second = -1;

/** Now as a Date field has it (RFC 9110 section 5.6.7); made once a second. */
export function httpDate(): string {
  const nowMs = Date.now();
  const current = Math.floor(nowMs / SECOND_MS);
  if (current !== second) {
    second = current;
    text = new Date(nowMs).toUTCString();
  }
  return text;
}

/** Alerts that end a handshake before it began (RFC 8446 section 6.2), by their numbers. */
export const ALERTS = {
  record_overflow: 22,
  handshake_failure: 40,
  decode_error: 50,
  internal_error: 80,
  unrecognized_name: 112,
} as const;

export type Alert = keyof typeof ALERTS;

const CONTENT_ALERT = 21;
const FATAL = 2;

/** A fatal alert in the clear, as it stands in a record of its own. */
export function alertRecord(alert: Alert): Buffer {
  return Buffer.from([CONTENT_ALERT, 3, 3, 0, 2, FATAL, ALERTS[alert]]);
}

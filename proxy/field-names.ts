import { HEADERS } from '#contracts/headers.ts';

/** What a proxy has to know of a field by its name; bits, so that a head's sum tells at once. */
export const FIELD = {
  /** Of one connection only (RFC 9110 section 7.6.1, and what the field learned since). */
  hop: 1,
  /** An edge tells it anew: a client could only have made it up. */
  forwarded: 2,
  /** `x-windrose-`: believed from nobody. */
  ours: 4,
  /** Written anew by every proxy, from what the exchange knows. */
  rewritten: 8,
  /** Of which one alone is meaningful: a second could be read by the next hop instead. */
  single: 16,
  /** Decides about security, routing or framing: nobody may have it stripped. */
  kept: 32,
  underscore: 64,
  /** With dashes for its underscores it would be one of those above. */
  alias: 128,
} as const;

export interface FieldName {
  /** Lower case. */
  readonly name: string;
  /** Sum of `FIELD` bits. */
  readonly bits: number;
}

const FORWARDING_HEADERS = [
  'via',
  'forwarded',
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-client-cert',
] as const;

const OURS = 'x-windrose-';

const NAMED: Readonly<Record<keyof typeof FIELD, readonly string[]>> = {
  hop: [
    ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate'],
    ...['proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'],
  ],
  forwarded: FORWARDING_HEADERS.filter((name) => name !== 'via'),
  ours: [],
  rewritten: ['host', 'expect', 'via', HEADERS.requestId, HEADERS.traceParent, HEADERS.traceState],
  single: ['host', 'content-length', 'transfer-encoding', 'authorization', 'content-type'],
  kept: [
    ...FORWARDING_HEADERS,
    ...['host', 'content-length', 'content-type', 'authorization', 'cookie', 'origin'],
    ...['x-api-key', 'x-request-id', 'traceparent', 'tracestate', 'expect', 'cache-control'],
  ],
  underscore: [],
  alias: [],
};

/** Names that were read lately, as written. Clients choose them, so there is a bound. */
const KNOWN_MAX = 2_048;
const NAME_LENGTH_MAX = 64;
// The names that are asked for begin as the very texts they are asked by: compared by identity.
const known = new Map<string, FieldName>(
  [...new Set(Object.values(NAMED).flat())].map((name) => [name, { name, bits: bitsOf(name) }]),
);

/** The one object for a name, however it is written. */
export function fieldName(written: string): FieldName {
  const found = known.get(written);
  if (found !== undefined) return found;
  const name = written.toLowerCase();
  const field = name === written ? { name, bits: bitsOf(name) } : fieldName(name);
  if (known.size < KNOWN_MAX && written.length <= NAME_LENGTH_MAX) known.set(written, field);
  return field;
}

/** Names by a rough hash; the one met last has the slot. A power of two. */
const SLOTS = 1_024;
const slots: (FieldName | undefined)[] = Array.from({ length: SLOTS });

/**
 * The same for a name that stands in a text: not cut out of it when it is one of those met lately,
 * since a map has to know each text that it is asked for by heart.
 */
export function fieldNameIn(text: string, start: number, end: number): FieldName {
  const length = end - start;
  const first = text.charCodeAt(start);
  const middle = text.charCodeAt(start + (length >> 1));
  const last = text.charCodeAt(end - 1);
  // Letters differ from their capitals in this bit alone; what else it joins only shares a slot.
  const hash = (first | 0x20) ^ ((middle | 0x20) << 3) ^ ((last | 0x20) << 6) ^ (length << 1);
  const slot = hash & (SLOTS - 1);
  const found = slots[slot];
  if (found !== undefined && isWritten(found.name, text, start, length)) return found;
  const field = fieldName(text.slice(start, end));
  slots[slot] = field;
  return field;
}

/** Whether the text has this lower-case name there, in whatever case. */
function isWritten(name: string, text: string, start: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(start + i);
    const isCapital = code >= 0x41 && code <= 0x5a;
    if (name.charCodeAt(i) !== (isCapital ? code | 0x20 : code)) return false;
  }
  return true;
}

function bitsOf(name: string): number {
  let bits = 0;
  for (const [bit, names] of Object.entries(NAMED)) {
    if (names.includes(name)) bits |= FIELD[bit as keyof typeof FIELD];
  }
  if (name.startsWith(OURS)) bits |= FIELD.ours;
  if (name.includes('_')) {
    const read = bitsOf(name.replaceAll('_', '-'));
    bits |= FIELD.underscore | (read & FIELD.ours) | (read === 0 ? 0 : FIELD.alias);
  }
  return bits;
}

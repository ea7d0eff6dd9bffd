import { HEADERS } from '#contracts/headers.ts';
import type { Direction } from '../exchange.ts';
import { HeaderList } from '../headers.ts';

/** Fields of one connection only (RFC 9110, section 7.6.1, and what the field learned since). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

export const FORWARDING_HEADERS = [
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

/** What an edge tells anew: a client could only have made it up. */
const SET_BY_EDGE: ReadonlySet<string> = new Set(
  FORWARDING_HEADERS.filter((name) => name !== 'via'),
);

const OURS = 'x-windrose-';
const VIA = '1.1 windrose';

export function isOurs(name: string): boolean {
  return name.startsWith(OURS);
}

/**
 * The fields that decisions are made on: as received, without what this direction does not believe.
 * Nothing of ours is believed from anybody; the listener reads the hop mark and the deadline
 * before.
 */
export function believedHeaders(received: HeaderList, direction: Direction): HeaderList {
  const believed = new HeaderList();
  received.forEach((name, value, written) => {
    if (isOurs(name) || (direction === 'edge' && SET_BY_EDGE.has(name))) return;
    believed.add(written, value);
  });
  return believed;
}

export interface ForwardedBy {
  direction: Direction;
  clientAddress: string;
  /** As the client wrote it, with its port. */
  host: string;
  requestId: string;
  connection: ReadonlySet<string>;
}

/** What goes upstream unless filters and policies change it. */
export function upstreamHeaders(believed: HeaderList, by: ForwardedBy): HeaderList {
  const headers = new HeaderList();
  // One field for all that came: each line counts against the limit of hops.
  const passed = believed.get('via');
  headers.add('host', by.host);
  believed.forEach((name, value, written) => {
    if (HOP_BY_HOP.has(name) || by.connection.has(name)) return;
    if (name === 'host' || name === HEADERS.requestId || name === 'expect') return;
    if (name === HEADERS.traceParent || name === HEADERS.traceState) return;
    if (name !== 'via') headers.add(written, value);
  });
  headers.add(HEADERS.requestId, by.requestId);
  headers.add('via', passed === undefined ? VIA : `${passed}, ${VIA}`);
  if (by.direction === 'edge') {
    headers.add(HEADERS.forwardedFor, by.clientAddress);
    headers.add(HEADERS.forwardedProto, 'http');
    headers.add(HEADERS.forwardedHost, by.host);
  }
  return headers;
}

/** A response's fields without those of the upstream's connection. */
export function responseHeaders(received: HeaderList): HeaderList {
  const named = new Set(
    (received.get('connection') ?? '').split(',').map((token) => token.trim().toLowerCase()),
  );
  const headers = new HeaderList();
  received.forEach((name, value, written) => {
    if (HOP_BY_HOP.has(name) || isOurs(name)) return;
    if (named.has(name) && name !== 'content-length') return;
    headers.add(written, value);
  });
  return headers;
}

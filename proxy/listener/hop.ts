import { HEADERS } from '#contracts/headers.ts';
import type { Direction, TraceContext } from '../exchange.ts';
import { FIELD, HeaderList } from '../headers.ts';
import { connectionOptions } from '../http1/keep-alive.ts';
import { formatTraceParent } from './trace.ts';
import type { Origin } from './trusted-hops.ts';

/** By the protocol in which the message was received (RFC 9110 section 7.6.3). */
const VIA: Readonly<Record<string, string>> = {
  'http/1.0': '1.0 windrose',
  'http/1.1': '1.1 windrose',
  'http/2': '2.0 windrose',
};
/** Never in a trailer section (RFC 9110 section 6.5.1): they frame, route or decide. */
const NOT_IN_TRAILERS =
  FIELD.hop | FIELD.ours | FIELD.rewritten | FIELD.single | FIELD.forwarded | FIELD.kept;

/**
 * The fields that decisions are made on: as received, without what this direction does not believe.
 * Nothing of ours is believed from anybody; the listener reads the hop mark and the deadline
 * before.
 */
export function believedHeaders(received: HeaderList, direction: Direction): HeaderList {
  const bits = direction === 'edge' ? FIELD.ours | FIELD.forwarded : FIELD.ours;
  return received.without(bits, undefined, true);
}

export interface ForwardedBy {
  /** As the client wrote it, with its port. */
  host: string;
  /** In which it came: `http/1.1` and so on. */
  protocol: string;
  /** Told at the edge; in the mesh what came goes on as it is. */
  origin: Origin | undefined;
  /** How many more proxies it may pass, of those that came. */
  maxForwards: number | undefined;
  requestId: string;
  trace: TraceContext;
  connection: ReadonlySet<string> | undefined;
}

/** What goes upstream unless filters and policies change it. */
export function upstreamHeaders(believed: HeaderList, by: ForwardedBy): HeaderList {
  const headers = new HeaderList();
  // One field for all that came: each line counts against the limit of hops.
  const passed = believed.get('via');
  headers.add('host', by.host);
  believed.copyTo(headers, FIELD.hop | FIELD.rewritten, by.connection);
  headers.add(HEADERS.requestId, by.requestId);
  const via = VIA[by.protocol] ?? by.protocol;
  headers.add('via', passed === undefined ? via : `${passed}, ${via}`);
  headers.add(HEADERS.traceParent, formatTraceParent(by.trace));
  if (by.trace.state !== '') headers.add(HEADERS.traceState, by.trace.state);
  if (by.maxForwards !== undefined) headers.set('max-forwards', String(by.maxForwards - 1));
  const { origin } = by;
  if (origin !== undefined) {
    headers.add(HEADERS.forwarded, origin.forwarded);
    headers.add(HEADERS.forwardedFor, origin.forwardedFor);
    headers.add(HEADERS.forwardedProto, origin.scheme);
    headers.add(HEADERS.forwardedHost, origin.host);
    if (origin.port !== undefined) headers.add(HEADERS.forwardedPort, origin.port);
  }
  return headers;
}

/** A response's fields without those of the upstream's connection. */
export function responseHeaders(received: HeaderList): HeaderList {
  const connection = received.get('connection');
  if (connection === undefined) return received.without(FIELD.hop | FIELD.ours, undefined);
  let named = connectionOptions(connection);
  if (named.has('content-length')) {
    named = new Set([...named].filter((name) => name !== 'content-length'));
  }
  return received.without(FIELD.hop | FIELD.ours, named);
}

/** The trailer fields that may be passed on; undefined when none are left. */
export function passableTrailers(trailers: HeaderList | undefined): HeaderList | undefined {
  const passed = trailers?.without(NOT_IN_TRAILERS, undefined);
  return passed === undefined || passed.size === 0 ? undefined : passed;
}

import { createHash } from 'node:crypto';
import { FIELD, type HeaderList } from '../headers.ts';
import { readHttp2Fields } from '../listener/http2-head.ts';
import { HEAD_LIMITS } from '../listener/limits.ts';
import type { UpstreamRequest } from './upstream.ts';

/** Of HTTP/1.1's handshake: an extended CONNECT has no use for it (RFC 8441 section 5). */
const OF_HANDSHAKE = new Set(['host', 'sec-websocket-key', 'content-length']);
/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const STATUS = /^[1-5][0-9]{2}$/;

export interface Http2ResponseHead {
  status: number;
  headers: HeaderList;
}

/**
 * A request head as node takes it: name, value, name, value … without what belongs to connections
 * of HTTP/1.1 (RFC 9113 section 8.2.2).
 */
export function toHttp2Request(request: UpstreamRequest, scheme: 'http' | 'https'): string[] {
  const { method, target, headers, upgrade, isGrpc } = request;
  const authority = headers.get('host') ?? '';
  const isTunnel = upgrade !== undefined;
  const raw = [':method', isTunnel ? 'CONNECT' : method, ':scheme', scheme, ':path', target];
  if (authority !== '') raw.push(':authority', authority);
  if (isTunnel) raw.push(':protocol', upgrade);
  headers.forEach((name, value, _written, bits) => {
    if ((bits & FIELD.hop) !== 0 || name === 'host') return;
    if (!isTunnel || !OF_HANDSHAKE.has(name)) raw.push(name, value);
  });
  // gRPC's own sign that everybody on the way knows trailers.
  if (isGrpc) raw.push('te', 'trailers');
  return raw;
}

/** What node gives of a response's HEADERS frame; undefined: it is no valid head. */
export function readHttp2Response(raw: readonly string[]): Http2ResponseHead | undefined {
  const [name, status = ''] = raw;
  if (name !== ':status' || !STATUS.test(status)) return undefined;
  const headers = readHttp2Fields(raw, HEAD_LIMITS, 2);
  return headers === undefined ? undefined : { status: Number(status), headers };
}

/**
 * The answer to an extended CONNECT as the one of HTTP/1.1's handshake, which proves that the key
 * was read.
 */
export function asHandshake(headers: HeaderList, key: string): HeaderList {
  const accept = createHash('sha1')
    .update(key + WEBSOCKET_GUID)
    .digest('base64');
  headers.set('sec-websocket-accept', accept);
  return headers;
}

import { randomBytes } from 'node:crypto';
import { FIELD, HeaderList } from '../headers.ts';
import type { HeadLimits } from '../http1/head-scanner.ts';
import { CHUNKED } from '../http1/body.ts';
import { type Head, readHead } from './head.ts';
import { readAuthority } from './host.ts';
import { HEAD_LIMITS } from './limits.ts';
import { type Checked, refuse } from './refusal.ts';
import type { PortSettings } from './settings.ts';

export interface Http2Head {
  head: Checked<Head>;
  /** As the pseudo-header fields have them, for the record of a refused request. */
  method: string;
  target: string;
}

interface Pseudo {
  method: string;
  path: string;
  scheme: string;
  authority: string | undefined;
  protocol: string | undefined;
}

const PSEUDO = new Set([':method', ':path', ':scheme', ':authority', ':protocol']);
/** RFC 9113 section 8.2: a token without capitals; what else HTTP/1.1 could make of it. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** As in HTTP/1.1, and no white space around (section 8.2.1). */
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
/** They frame one connection of HTTP/1.1 (section 8.2.2): a gateway would make them its own. */
const OF_CONNECTION = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
  'http2-settings',
]);
const KEY_BYTES = 16;

type FieldLimits = Pick<HeadLimits, 'fields' | 'headBytes'>;

/**
 * Reads what node gives of a HEADERS frame (name, value, name, value …) as the head that an
 * HTTP/1.1 request of the same meaning has, so that it goes through the same checks. nghttp2
 * refuses most of what is refused here before; the downgrade does not rest on it.
 */
export function readHttp2Head(
  raw: readonly string[],
  endOfStream: boolean,
  port: PortSettings,
): Http2Head {
  const headers = new HeaderList();
  const pseudo: Pseudo = {
    ...{ method: '', path: '', scheme: '' },
    ...{ authority: undefined, protocol: undefined },
  };
  const limits = port.limits.head;
  const problem =
    readFields(raw, pseudo, headers, limits) ?? checkPseudo(pseudo, limits.startLineBytes);
  const { method, path } = pseudo;
  if (problem !== undefined) return { head: problem, method, target: path };
  const host = nameHost(pseudo, headers);
  if (host !== undefined) return { head: host, method, target: path };
  const head = toHead(pseudo, headers, endOfStream, port);
  return { head, method, target: path };
}

/**
 * Fields without pseudo-header fields, from the number in `raw` on: of a trailer section, or behind
 * the status of a response. Undefined: they break the rules.
 */
export function readHttp2Fields(
  raw: readonly string[],
  limits: FieldLimits = HEAD_LIMITS,
  from = 0,
): HeaderList | undefined {
  const headers = new HeaderList();
  return readFields(raw, undefined, headers, limits, from) === undefined ? headers : undefined;
}

/** Fields as node takes them beside a head: no field of HTTP/1.1's connections, each name once. */
export function toHttp2Fields(headers: HeaderList | undefined): Record<string, string> {
  const fields = Object.create(null) as Record<string, string>;
  headers?.forEach((name, _value, _written, bits) => {
    if ((bits & FIELD.hop) === 0) fields[name] = headers.get(name) ?? '';
  });
  return fields;
}

type Refusal = Extract<Checked<never>, { ok: false }>;

function readFields(
  raw: readonly string[],
  pseudo: Pseudo | undefined,
  headers: HeaderList,
  limits: FieldLimits,
  from = 0,
): Refusal | undefined {
  let cookie = '';
  let bytes = 0;
  for (let i = from; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    bytes += name.length + value.length;
    if (!VALUE.test(value)) return refuse('a header field has a value that is not valid');
    if (name.startsWith(':')) {
      if (pseudo === undefined || !PSEUDO.has(name) || headers.size > 0 || cookie !== '') {
        return refuse('a pseudo-header field is unknown or out of place');
      }
      const key = name.slice(1) as keyof Pseudo;
      if (pseudo[key] !== undefined && pseudo[key] !== '') {
        return refuse('a pseudo-header field stands twice');
      }
      pseudo[key] = value;
    } else if (!NAME.test(name)) {
      return refuse('the name of a header field is not valid');
    } else if (OF_CONNECTION.has(name) || (name === 'te' && value !== 'trailers')) {
      return refuse('a header field belongs to connections of HTTP/1.1');
    } else if (name === 'cookie') {
      // Section 8.2.3: what was split for compression is one field again.
      cookie = cookie === '' ? value : `${cookie}; ${value}`;
    } else headers.add(name, value);
  }
  if (cookie !== '') headers.add('cookie', cookie);
  // Node bounds how many lines there are, and not their bytes.
  if (headers.size > limits.fields || bytes > limits.headBytes) {
    return refuse('the header fields are too many or too large', 'headers_too_large');
  }
  return undefined;
}

function checkPseudo(pseudo: Pseudo, targetBytesMax: number): Refusal | undefined {
  const { method, path, scheme, protocol } = pseudo;
  if (!METHOD.test(method)) return refuse('the method is not valid');
  if (protocol !== undefined && method !== 'CONNECT') {
    return refuse('only CONNECT names a protocol');
  }
  if (method === 'CONNECT' && protocol === undefined) return undefined;
  if (scheme !== 'http' && scheme !== 'https') return refuse('the scheme is not http or https');
  if (path.length > targetBytesMax) {
    return refuse('the request target is too long', 'line_too_long');
  }
  const isAsterisk = path === '*' && method === 'OPTIONS';
  return path.startsWith('/') || isAsterisk ? undefined : refuse('the path is not valid');
}

/** `:authority` becomes Host, which may say the same and nothing else (section 8.3.1). */
function nameHost(pseudo: Pseudo, headers: HeaderList): Refusal | undefined {
  const { authority } = pseudo;
  if (authority === undefined) return undefined;
  const written = headers.get('host');
  if (written !== undefined) {
    const named = readAuthority(written);
    const asked = readAuthority(authority);
    if (!named.ok) return named;
    if (!asked.ok) return asked;
    const { host, port } = asked.value;
    if (host !== named.value.host || port !== named.value.port) {
      return refuse('the Host field contradicts the authority');
    }
  }
  headers.set('host', authority);
  return undefined;
}

function toHead(
  pseudo: Pseudo,
  headers: HeaderList,
  endOfStream: boolean,
  port: PortSettings,
): Checked<Head> {
  const { protocol, path } = pseudo;
  // RFC 8441: what HTTP/1.1 asks for with an upgrade of GET.
  const method = protocol === 'websocket' ? 'GET' : pseudo.method;
  if (protocol !== undefined && protocol !== 'websocket') {
    return refuse('the only protocol that is served is websocket', 'not_served');
  }
  if (method === 'CONNECT') return refuse('CONNECT is served over HTTP/1.1 only', 'not_served');
  const read = readHead({ method, target: path, version: '1.1' }, headers, port);
  if (!read.ok) return read;
  const head: Head = { ...read.value, protocol: 'http/2' };
  if (protocol === 'websocket') {
    if (headers.has('content-length')) return refuse('a tunnel has no content length');
    headers.set('sec-websocket-key', randomBytes(KEY_BYTES).toString('base64'));
    if (!headers.has('sec-websocket-version')) headers.add('sec-websocket-version', '13');
    return { ok: true, value: { ...head, bodyLength: 0, upgrade: 'websocket' } };
  }
  const isLengthKnown = headers.has('content-length');
  if (endOfStream && head.bodyLength !== 0) {
    return refuse('the body is shorter than its content length');
  }
  if (!endOfStream && !isLengthKnown) head.bodyLength = CHUNKED;
  head.expectsContinue = head.expectsContinue || (!endOfStream && expects(headers));
  return { ok: true, value: head };
}

function expects(headers: HeaderList): boolean {
  return headers.get('expect')?.toLowerCase() === '100-continue';
}

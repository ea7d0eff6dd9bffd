import type { Direction } from '../exchange.ts';
import { HeaderList } from '../headers.ts';
import { FORWARDING_HEADERS, isOurs } from './hop.ts';
import { type Authority, readAuthority } from './host.ts';
import { LIMITS } from './limits.ts';
import { type Checked, refuse } from './refusal.ts';
import { readTarget } from './target.ts';

/** A request head as the parser of node:http hands it on: tokenised, and not yet trusted. */
export interface RawHead {
  method: string;
  url: string;
  httpVersion: string;
  rawHeaders: readonly string[];
}

/** A head that is valid, bounded and unambiguous. */
export interface Head {
  method: string;
  host: string;
  port: number | undefined;
  path: string;
  query: string;
  protocol: string;
  headers: HeaderList;
  hasBody: boolean;
  /** What the Connection fields name, lower case: these go no further. */
  connection: ReadonlySet<string>;
}

const CONTENT_LENGTH = /^(0|[1-9][0-9]{0,14})$/;
/** Fields of which one alone is meaningful: a second could be read by the next hop instead. */
const SINGLE = ['host', 'content-length', 'transfer-encoding', 'authorization', 'content-type'];
const CONTINUE = /^100-continue$/i;
/** Ends a chain that returns to a proxy that it passed already. */
const HOPS_MAX = 20;

/**
 * What node:http accepts and a proxy must not: each check is one way in which two programs could
 * read the same bytes differently.
 */
export function readHead(raw: RawHead, direction: Direction): Checked<Head> {
  if (raw.httpVersion !== '1.1' && raw.httpVersion !== '1.0') {
    return refuse('only HTTP/1.1 and HTTP/1.0 are spoken here');
  }
  if (raw.method.length + raw.url.length > LIMITS.requestLineBytes) {
    return refuse('the request line is too long', 414);
  }
  if (raw.rawHeaders.length > 2 * LIMITS.headerCount) {
    return refuse('the request has too many header fields', 431, 'headers_too_large');
  }
  if (raw.method === 'TRACE') return refuse('TRACE is not served', 405);
  const headers = HeaderList.fromRaw(raw.rawHeaders);
  const fields = checkFields(headers, raw.httpVersion, direction);
  if (!fields.ok) return fields;
  const target = readTarget(raw.method, raw.url);
  if (!target.ok) return target;
  const authority = checkHost(headers, raw.httpVersion, target.value.authority);
  if (!authority.ok) return authority;
  const length = headers.get('content-length');
  return {
    ok: true,
    value: {
      method: raw.method,
      host: authority.value.host,
      port: authority.value.port,
      path: target.value.path,
      query: target.value.query,
      protocol: `http/${raw.httpVersion}`,
      headers,
      hasBody: headers.has('transfer-encoding') || (length !== undefined && length !== '0'),
      connection: fields.value,
    },
  };
}

function checkFields(
  headers: HeaderList,
  version: string,
  direction: Direction,
): Checked<ReadonlySet<string>> {
  for (const name of SINGLE) {
    if (headers.count(name) > 1) return refuse(`the field ${name} stands twice`);
  }
  const length = headers.get('content-length');
  if (length !== undefined && !CONTENT_LENGTH.test(length)) {
    return refuse('the content length is not a number');
  }
  const coding = headers.get('transfer-encoding');
  if (coding !== undefined) {
    if (version === '1.0') return refuse('HTTP/1.0 has no transfer encoding');
    if (coding.toLowerCase() !== 'chunked') return refuse('the only transfer encoding is chunked');
    if (length !== undefined) return refuse('the length of the body is given twice');
  }
  if (direction === 'edge' && hasUnderscore(headers)) {
    return refuse('header names with underscores are not accepted');
  }
  const expectation = headers.get('expect');
  if (version === '1.1' && expectation !== undefined && !CONTINUE.test(expectation)) {
    return refuse('the only expectation that can be met is 100-continue', 417);
  }
  if ((headers.get('via')?.split(',').length ?? 0) > HOPS_MAX) {
    return refuse('the request has passed too many proxies', 508);
  }
  const connection = connectionTokens(headers);
  for (const name of connection) {
    if (PROTECTED.has(name) || isOurs(name)) {
      return refuse(`the Connection field may not name ${name}`);
    }
  }
  const upgrade = headers.get('upgrade')?.toLowerCase();
  if (connection.has('upgrade') && upgrade !== undefined && upgrade !== 'h2c') {
    return refuse('protocol upgrades are not served here', 501);
  }
  return { ok: true, value: connection };
}

/** Fields that decide about security, routing or framing: nobody may have them stripped. */
const PROTECTED: ReadonlySet<string> = new Set([
  ...FORWARDING_HEADERS,
  ...['host', 'content-length', 'content-type', 'authorization', 'cookie', 'origin', 'x-api-key'],
  ...['x-request-id', 'traceparent', 'tracestate', 'expect', 'cache-control'],
]);

function connectionTokens(headers: HeaderList): ReadonlySet<string> {
  const value = headers.get('connection');
  if (value === undefined) return NONE;
  const tokens = new Set<string>();
  for (const token of value.split(',')) tokens.add(token.trim().toLowerCase());
  return tokens;
}

const NONE: ReadonlySet<string> = new Set();

function hasUnderscore(headers: HeaderList): boolean {
  let found = false;
  headers.forEach((name) => {
    if (name.includes('_')) found = true;
  });
  return found;
}

/** Exactly one Host; an absolute target decides (RFC 9112, 3.2.2) and may not contradict it. */
function checkHost(
  headers: HeaderList,
  version: string,
  targetAuthority: string | undefined,
): Checked<Authority> {
  const written = headers.get('host');
  if (written === undefined && version !== '1.0') return refuse('the Host field is missing');
  const named = written === undefined ? undefined : readAuthority(written);
  if (named?.ok === false) return named;
  if (targetAuthority === undefined) {
    return named ?? { ok: true, value: { host: '', port: undefined } };
  }
  const target = readAuthority(targetAuthority);
  if (!target.ok || named === undefined) return target;
  const same =
    named.value.host === target.value.host &&
    (named.value.port ?? 80) === (target.value.port ?? 80);
  return same ? target : refuse('the Host field contradicts the request target');
}

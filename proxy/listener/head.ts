import { fieldName } from '../field-names.ts';
import { FIELD, type HeaderList } from '../headers.ts';
import { CHUNKED, CONTENT_LENGTH } from '../http1/body.ts';
import type { RequestLine } from '../http1/head.ts';
import { connectionOptions } from '../http1/keep-alive.ts';
import { type Authority, readAuthority } from './host.ts';
import { type Checked, refuse } from './refusal.ts';
import type { PortSettings, RequestRules } from './settings.ts';
import { normalisePath, readTarget } from './target.ts';

/** A head that is valid, bounded and unambiguous. */
export interface Head {
  method: string;
  host: string;
  port: number | undefined;
  path: string;
  query: string;
  /** `http/1.1` and so on. */
  protocol: string;
  headers: HeaderList;
  /** Bytes of the body that follows, or CHUNKED. */
  bodyLength: number;
  /** What the Connection fields name, lower case: these go no further. */
  connection: ReadonlySet<string> | undefined;
  /** The protocol to change to, where the client asks for one that is served. */
  upgrade: 'websocket' | undefined;
  expectsContinue: boolean;
  /** How many more proxies an OPTIONS may pass; undefined: it says nothing of it. */
  maxForwards: number | undefined;
  /** Of the listener that its Host chooses. */
  rules: RequestRules;
}

const CODING = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Ends a chain that returns to a proxy that it passed already. */
const HOPS_MAX = 20;
const NO_MAX_FORWARDS: Checked<undefined> & { ok: true } = { ok: true, value: undefined };
const DIGITS = /^[0-9]+$/;
/** More than any chain has; what is larger is lowered to it (RFC 9110 section 7.6.2). */
const MAX_FORWARDS_MAX = 1_000_000;

/** What a well-formed head must not say: each is a way in which two programs could differ. */
export function readHead(
  line: RequestLine,
  received: HeaderList,
  port: Pick<PortSettings, 'rulesOf' | 'isProxy'>,
  scheme: 'http' | 'https' = 'http',
): Checked<Head> {
  const { method, version } = line;
  if (method === 'TRACE') return refuse('TRACE is not served', 'method_refused');
  if (method === 'CONNECT') return readConnect(line, received, port);
  const fields = checkFields(received, version, method === 'GET');
  if (!fields.ok) return fields;
  const target = readTarget(method, line.target, scheme);
  if (!target.ok) return target;
  const authority = checkHost(received, version, target.value.authority);
  if (!authority.ok) return authority;
  const { host } = authority.value;
  const rules = port.rulesOf(host);
  const path = normalisePath(target.value.path, rules.escapedSlash);
  if (!path.ok) return path;
  const headers = checkNames(received, rules);
  if (!headers.ok) return headers;
  const maxForwards = method === 'OPTIONS' ? readMaxForwards(received) : NO_MAX_FORWARDS;
  if (!maxForwards.ok) return maxForwards;
  return {
    ok: true,
    value: {
      method,
      host,
      port: authority.value.port,
      path: path.value,
      query: target.value.query,
      protocol: version === '1.1' ? 'http/1.1' : 'http/1.0',
      headers: headers.value,
      bodyLength: fields.value.bodyLength,
      connection: fields.value.connection,
      upgrade: fields.value.upgrade,
      expectsContinue: fields.value.expectsContinue,
      maxForwards: maxForwards.value,
      rules,
    },
  };
}

/** RFC 9110 section 9.3.6: the target is a host and a port, and there is no content. */
function readConnect(
  { version, target }: RequestLine,
  received: HeaderList,
  port: Pick<PortSettings, 'rulesOf' | 'isProxy'>,
): Checked<Head> {
  if (port.isProxy !== true) return refuse('CONNECT is not served here', 'not_served');
  const fields = checkFields(received, version, false);
  if (!fields.ok) return fields;
  if (fields.value.bodyLength !== 0) return refuse('a CONNECT request has no body');
  const asked = readAuthority(target);
  if (!asked.ok) return asked;
  if (asked.value.port === undefined) return refuse('the target of CONNECT has no port');
  const written = received.get('host');
  if (written === undefined && version !== '1.0') return refuse('the Host field is missing');
  const named = written === undefined ? asked : readAuthority(written);
  if (!named.ok) return named;
  const { host } = asked.value;
  const isOther = named.value.port !== undefined && named.value.port !== asked.value.port;
  if (named.value.host !== host || isOther) {
    return refuse('the Host field contradicts the request target');
  }
  const rules = port.rulesOf(host);
  const headers = checkNames(received, rules);
  if (!headers.ok) return headers;
  return {
    ok: true,
    value: {
      ...{ method: 'CONNECT', host, port: asked.value.port, path: '', query: '' },
      protocol: version === '1.1' ? 'http/1.1' : 'http/1.0',
      headers: headers.value,
      ...fields.value,
      upgrade: undefined,
      maxForwards: undefined,
      rules,
    },
  };
}

/** RFC 9110 section 7.6.2. */
function readMaxForwards(headers: HeaderList): Checked<number | undefined> {
  const text = headers.get('max-forwards');
  if (text === undefined) return NO_MAX_FORWARDS;
  if (!DIGITS.test(text)) return refuse('the field Max-Forwards is not a number');
  return { ok: true, value: Math.min(Number(text), MAX_FORWARDS_MAX) };
}

/**
 * Names with underscores: to programs that know fields as variables they are those with a dash, so
 * that none of them may stand beside, or in place of, one that decides something.
 */
export function checkNames(headers: HeaderList, rules: RequestRules): Checked<HeaderList> {
  if ((headers.bits & FIELD.underscore) === 0) return { ok: true, value: headers };
  switch (rules.underscores) {
    case 'Reject':
      return refuse('header names with underscores are not accepted');
    case 'Drop':
      return { ok: true, value: headers.without(FIELD.underscore, undefined) };
    case 'Keep':
      if ((headers.bits & FIELD.alias) === 0) return { ok: true, value: headers };
      return refuse('a header name with underscores could be read as one that decides something');
    case 'KeepAll':
      return { ok: true, value: headers };
    default:
      return rules.underscores satisfies never;
  }
}

type Fields = Pick<Head, 'bodyLength' | 'connection' | 'upgrade' | 'expectsContinue'>;

function checkFields(headers: HeaderList, version: string, isGet: boolean): Checked<Fields> {
  const twice = headers.repeatedSingle();
  if (twice !== undefined) return refuse(`the field ${twice} stands twice`);
  const length = bodyLength(headers, version);
  if (!length.ok) return length;
  const expectation = headers.get('expect');
  const isContinue = expectation !== undefined && expectation.toLowerCase() === '100-continue';
  if (version === '1.1' && expectation !== undefined && !isContinue) {
    return refuse('the only expectation that can be met is 100-continue', 'expectation_failed');
  }
  if ((headers.get('via')?.split(',').length ?? 0) > HOPS_MAX) {
    return refuse('the request has passed too many proxies', 'loop');
  }
  const value: Fields = {
    bodyLength: length.value,
    connection: undefined,
    upgrade: undefined,
    expectsContinue: isContinue && version === '1.1' && length.value !== 0,
  };
  // Only a few requests carry one: the others need not be asked for each.
  if ((headers.bits & FIELD.hop) === 0) return { ok: true, value };
  return checkConnection(headers, version, isGet && length.value === 0, value);
}

/** RFC 9112 section 6.3, for requests: one way to say how long the body is, or none. */
function bodyLength(headers: HeaderList, version: string): Checked<number> {
  const length = headers.get('content-length');
  const coding = headers.get('transfer-encoding');
  if (length !== undefined && !CONTENT_LENGTH.test(length)) {
    return refuse('the content length is not a number');
  }
  if (coding === undefined) return { ok: true, value: length === undefined ? 0 : Number(length) };
  if (version === '1.0') return refuse('HTTP/1.0 has no transfer encoding');
  if (length !== undefined) return refuse('the length of the body is given twice');
  const name = coding.toLowerCase();
  if (name === 'chunked') return { ok: true, value: CHUNKED };
  const isUnknown = CODING.test(name);
  return refuse('the only transfer encoding is chunked', isUnknown ? 'not_served' : 'bad_request');
}

function checkConnection(
  headers: HeaderList,
  version: string,
  mayUpgrade: boolean,
  fields: Fields,
): Checked<Fields> {
  const value = headers.get('connection');
  if (value === undefined) return { ok: true, value: fields };
  const connection = connectionOptions(value);
  for (const name of connection) {
    if ((fieldName(name).bits & (FIELD.kept | FIELD.ours)) !== 0)
      return refuse(`the Connection field may not name ${name}`);
  }
  // RFC 9110 section 7.8: an upgrade that is not known is not made, and one of HTTP/1.0 is none.
  const isAsked = mayUpgrade && connection.has('upgrade') && version === '1.1';
  const asked = isAsked ? headers.get('upgrade') : undefined;
  const upgrade = asked?.toLowerCase() === 'websocket' ? 'websocket' : undefined;
  return { ok: true, value: { ...fields, connection, upgrade } };
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

/**
 * GEP-1619: a client that brings a session comes to the endpoint that it had. What it carries names
 * endpoints by hashes and is nobody's secret: it can choose among the endpoints that a request may
 * go to anyway, and nothing else (decisions/0008-session-persistence.md).
 */
import { createHash } from 'node:crypto';
import type { HeaderList } from '../headers.ts';

/** `sessionPersistence` of a rule, ready to run. */
export interface SessionConfig {
  readonly carrier: 'Cookie' | 'Header';
  /** Of the cookie; or of the header, in lower case. */
  readonly name: string;
  /** What follows a cookie's value, but for `Secure`: `; Path=/; HttpOnly`. */
  readonly attributes: string;
  /** Seconds after which a session is none any more; undefined: it has no end. */
  readonly timeoutS: number | undefined;
  /** Four characters for each backend of the rule, by its label. */
  readonly tags: ReadonlyMap<string, string>;
}

const TAG_CHARACTERS = 4;
/** 96 bits. */
const ENDPOINT_CHARACTERS = 16;
const START = TAG_CHARACTERS + ENDPOINT_CHARACTERS;
/** One backend's endpoint, and when the session with it began: seconds since 1970 in base 36. */
const ENTRY = /^[A-Za-z0-9_-]{20}[0-9a-z]{0,8}$/;
const SEPARATOR = '.';
/** A rule has no more backends (HTTPRouteRule.backendRefs). */
const ENTRIES_MAX = 16;
/** Clocks of proxies may differ by so much; what begins later than that was not written by one. */
const SKEW_S = 60;

export function backendTag(label: string): string {
  return digest(label).slice(0, TAG_CHARACTERS);
}

/** The same on every proxy of the mesh. `service`: `namespace/name`; `endpoint`: `address:port`. */
export function endpointToken(service: string, endpoint: string): string {
  return digest(`${service} ${endpoint}`).slice(0, ENDPOINT_CHARACTERS);
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/**
 * One request's session with the backend that was chosen for it: traffic is split first, so that a
 * client of a rule with several backends has an endpoint of each (GEP-1619, "Traffic Splitting").
 */
export class Session {
  readonly #config: SessionConfig;
  readonly #tag: string;
  /** Sessions with the rule's other backends, as the client brought them. */
  readonly #others: string[] = [];
  /** Of the endpoint to go to; undefined: a new session. */
  readonly token: string | undefined;

  /** `backend`: the label of the chosen one; `nowS`: wall clock, seconds. */
  constructor(config: SessionConfig, backend: string, headers: HeaderList, nowS: number) {
    this.#config = config;
    this.#tag = config.tags.get(backend) ?? '';
    const seen = new Set<string>();
    for (const value of broughtBy(headers, config)) {
      for (const entry of value.split(SEPARATOR, ENTRIES_MAX)) {
        const tag = entry.slice(0, TAG_CHARACTERS);
        if (seen.has(tag) || !isCurrent(entry, config, nowS)) continue;
        seen.add(tag);
        if (tag === this.#tag) this.token = entry.slice(TAG_CHARACTERS, START);
        else if (isOf(config, tag)) this.#others.push(entry);
      }
    }
  }

  /** Tells the client where it was, if that is news to it. */
  keep(token: string, headers: HeaderList, isSecure: boolean, nowS: number): void {
    if (token === this.token) return;
    const { carrier, name, attributes, timeoutS } = this.#config;
    const started = timeoutS === undefined ? '' : nowS.toString(36);
    const value = [...this.#others, `${this.#tag}${token}${started}`].join(SEPARATOR);
    if (carrier === 'Header') headers.set(name, value);
    else headers.add('set-cookie', `${name}=${value}${attributes}${isSecure ? '; Secure' : ''}`);
  }
}

function isCurrent(entry: string, { timeoutS }: SessionConfig, nowS: number): boolean {
  if (!ENTRY.test(entry)) return false;
  if (timeoutS === undefined) return true;
  const startedS = Number.parseInt(entry.slice(START), 36);
  return startedS <= nowS + SKEW_S && nowS < startedS + timeoutS;
}

function isOf({ tags }: SessionConfig, tag: string): boolean {
  for (const known of tags.values()) if (known === tag) return true;
  return false;
}

function broughtBy(headers: HeaderList, { carrier, name }: SessionConfig): string[] {
  const text = headers.get(carrier === 'Header' ? name : 'cookie');
  if (text === undefined) return [];
  return carrier === 'Header' ? [text] : cookiesOf(text, name);
}

/** Values of the cookies of one name, of which there may be several (RFC 6265 section 5.4). */
function cookiesOf(text: string, name: string): string[] {
  const values: string[] = [];
  // A comma stands where several fields were put together.
  for (const pair of text.split(/[;,] */)) {
    if (pair.startsWith(name) && pair[name.length] === '=')
      values.push(pair.slice(name.length + 1));
  }
  return values;
}

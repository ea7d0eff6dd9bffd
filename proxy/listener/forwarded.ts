import { isIPv4, isIPv6 } from 'node:net';
import { HTAB, IS_FIELD_VALUE, IS_TOKEN, SP } from '../http1/bytes.ts';
import { readAuthority } from './host.ts';

/** One hop's word on the request that it received (RFC 7239 section 4). */
export interface ForwardedElement {
  /** Who sent it the request: an address in lower case; empty where that is hidden or not said. */
  address: string;
  /** Lower case; empty: not said. */
  proto: string;
  /** As the Host field had it; empty: not said. */
  host: string;
  /** As it was written. */
  text: string;
}

const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]{0,31}$/;
/** Section 6: `unknown`, or a name that the hop made up; and a port, or one that it made up. */
const HIDDEN = /^(?:[Uu][Nn][Kk][Nn][Oo][Ww][Nn]|_[A-Za-z0-9._-]{1,128})$/;
const PORT = /^(?:[0-9]{1,5}|_[A-Za-z0-9._-]{1,128})$/;
const MAPPED = '::ffff:';

/** All elements, in their order; undefined when any part of the field is not well formed. */
export function parseForwarded(value: string): ForwardedElement[] | undefined {
  const elements: ForwardedElement[] = [];
  let at = 0;
  for (;;) {
    at = skipSpace(value, at);
    const start = at;
    const pairs = new Map<string, string>();
    at = readPairs(value, at, pairs);
    if (at < 0) return undefined;
    // An empty element of a list says nothing (RFC 9110 section 5.6.1.2).
    if (pairs.size > 0) {
      const element = elementOf(pairs, value.slice(start, at));
      if (element === undefined) return undefined;
      elements.push(element);
    }
    at = skipSpace(value, at);
    if (at === value.length) return elements;
    if (value.charCodeAt(at) !== COMMA) return undefined;
    at++;
  }
}

/** Reads `[ pair ] *( ";" [ pair ] )`; the offset behind it, or -1. */
function readPairs(value: string, from: number, pairs: Map<string, string>): number {
  let at = from;
  for (;;) {
    const nameEnd = tokenEnd(value, at);
    if (nameEnd > at) {
      if (value.charCodeAt(nameEnd) !== EQUALS) return -1;
      const name = value.slice(at, nameEnd).toLowerCase();
      const isQuoted = value.charCodeAt(nameEnd + 1) === QUOTE;
      at = isQuoted ? quotedEnd(value, nameEnd + 1) : tokenEnd(value, nameEnd + 1);
      // A parameter stands once at most; an empty value is no token.
      if (at <= nameEnd + 1 || pairs.has(name)) return -1;
      const written = value.slice(nameEnd + 1, at);
      pairs.set(name, isQuoted ? unquoted(written) : written);
    }
    if (value.charCodeAt(at) !== SEMICOLON) return at;
    at++;
  }
}

function elementOf(pairs: Map<string, string>, text: string): ForwardedElement | undefined {
  const address = readNode(pairs.get('for') ?? 'unknown');
  const by = readNode(pairs.get('by') ?? 'unknown');
  const proto = pairs.get('proto') ?? '';
  const host = pairs.get('host') ?? '';
  if (address === undefined || by === undefined) return undefined;
  if (proto !== '' && !SCHEME.test(proto)) return undefined;
  if (host !== '' && !readAuthority(host).ok) return undefined;
  return { address, proto: proto.toLowerCase(), host, text };
}

/** Section 6: the address of a node, without its port; empty when it is hidden. */
function readNode(node: string): string | undefined {
  const bracket = node.startsWith('[') ? node.indexOf(']') : -1;
  const colon = node.indexOf(':', bracket + 1);
  const name = colon < 0 ? node : node.slice(0, colon);
  if (colon >= 0 && !PORT.test(node.slice(colon + 1))) return undefined;
  if (isIPv4(name)) return name;
  if (bracket > 0 && bracket === name.length - 1) return readIPv6(name.slice(1, -1));
  return HIDDEN.test(name) ? '' : undefined;
}

/** Lower case; an IPv4 address in IPv6's clothes becomes IPv4; a zone means nothing elsewhere. */
function readIPv6(text: string): string | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const address = text.toLowerCase();
  const inner = address.startsWith(MAPPED) ? address.slice(MAPPED.length) : '';
  return isIPv4(inner) ? inner : address;
}

/**
 * One entry of X-Forwarded-For, which no standard describes: an address, which some write with a
 * port, and IPv6 in brackets then. Undefined: it is none.
 */
export function readForwardedFor(entry: string): string | undefined {
  if (isIPv4(entry)) return entry;
  if (!entry.startsWith('[') && entry.includes(':', entry.indexOf(':') + 1)) return readIPv6(entry);
  const address = readNode(entry);
  return address === '' ? undefined : address;
}

/** An address as `for` has it: what is no token stands in quotes. */
export function forwardedNode(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address;
}

/** A host as `host` has it; it has been read, so that nothing in it needs an escape. */
export function forwardedHost(host: string): string {
  return host.includes(':') ? `"${host}"` : host;
}

function skipSpace(value: string, from: number): number {
  let at = from;
  while (value.charCodeAt(at) === SP || value.charCodeAt(at) === HTAB) at++;
  return at;
}

function tokenEnd(value: string, from: number): number {
  let at = from;
  while (IS_TOKEN[value.charCodeAt(at)] === 1) at++;
  return at;
}

/** Behind the closing quote of a quoted-string that begins here; -1 when it has none. */
function quotedEnd(value: string, from: number): number {
  for (let at = from + 1; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) at++;
    if (IS_FIELD_VALUE[value.charCodeAt(at)] !== 1) return -1;
  }
  return -1;
}

function unquoted(written: string): string {
  const inner = written.slice(1, -1);
  return inner.includes('\\') ? inner.replace(/\\(.)/g, '$1') : inner;
}

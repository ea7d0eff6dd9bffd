/**
 * One statement of RFC 9110 or 9112 as bytes: what a client sends and an upstream answers, and
 * what each of them has to see. All text is latin1: a character is a byte.
 */
export interface Case {
  name: string;
  /** The paragraph that says so, or that leaves the choice which we made. */
  rfc: string;
  client: Steps;
  /** What the upstream does with the first, second … request; the last again for all others. */
  upstream?: Script | readonly Script[];
  expect: Expectation;
}

/**
 * A string is written at once. `cut`: goes on when the proxy has read what was written before.
 * `until`: goes on when this text has arrived. `quiet`: nothing may have come after the head.
 * `letGo`: goes on when the proxy has closed the upstream connections that it used so far.
 */
export type Step =
  | string
  | { readonly cut: true }
  | { readonly until: string }
  | { readonly bytes: string }
  | { readonly quiet: true }
  | { readonly letGo: true }
  | { readonly end: true }
  | { readonly reset: true };
export type Steps = string | readonly Step[];

/** Begins when the request is complete; with `on: 'head'` already when its head is. */
export type Script = Steps | { readonly on: 'head'; readonly steps: readonly Step[] };

export interface Expectation {
  /**
   * `nothing`: not a byte of it. `nothing whole`: only requests that were broken off. Left out:
   * whatever it saw was well formed, no more.
   */
  upstream?: 'nothing' | 'nothing whole' | Seen | readonly Seen[];
  /** Interim answers count. `whatever`: any answers or none. */
  client: 'nothing' | 'whatever' | Answer | readonly Answer[];
  /** Left out: the connection serves another request. `either`: not looked at. */
  closed?: boolean | 'either';
  /** The proxy closes the connection to the upstream that it used; false: it is used again. */
  upstreamClosed?: boolean;
  /** Interim answers with status 100 may come or not. */
  mayContinue?: true;
}

/** `name: value` with the name in lower case, or a pattern for that. */
export type Line = string | RegExp;

export interface Message {
  has?: readonly Line[];
  /** Names in lower case. */
  lacks?: readonly string[];
  /** All lines, in any order; values that differ each time are written `*`. */
  head?: readonly string[];
  body?: string | RegExp;
  framing?: Framing;
  trailers?: readonly string[];
  /** Its end never comes: the connection closes before. */
  aborted?: true;
  /** What comes after it, where the protocol changes. */
  tunnel?: string;
}

export type Framing = 'none' | 'length' | 'chunked' | 'close';

export interface Seen extends Message {
  line?: string;
}

export interface Answer extends Message {
  status: number | readonly number[];
  /** The whole status line. */
  line?: Line;
  /** It answers a HEAD. */
  bodyless?: true;
}

export const CUT = { cut: true } as const;
export const END = { end: true } as const;
export const RESET = { reset: true } as const;
export const QUIET = { quiet: true } as const;
export const LET_GO = { letGo: true } as const;

/** Written byte by byte, each in a packet of its own. */
export function bytewise(text: string): Step {
  return { bytes: text };
}

export function until(text: string): Step {
  return { until: text };
}

export function lines(...fields: readonly string[]): string {
  return fields.map((field) => `${field}\r\n`).join('');
}

/** A head of HTTP/1.1 with a Host field. */
export function head(line: string, ...fields: readonly string[]): string {
  return `${line} HTTP/1.1\r\n${lines('Host: shop.example', ...fields)}\r\n`;
}

/** The same without the Host field, and with a version. */
export function bare(line: string, ...fields: readonly string[]): string {
  return `${lines(line, ...fields)}\r\n`;
}

export function get(...fields: readonly string[]): string {
  return head('GET /', ...fields);
}

export function post(fields: readonly string[], body = ''): string {
  return head('POST /', ...fields) + body;
}

export function chunked(body: string, ...fields: readonly string[]): string {
  return post(['Transfer-Encoding: chunked', ...fields], body);
}

/** An upstream's answer of HTTP/1.1. */
export function answer(status: string, fields: readonly string[], body = ''): string {
  return `HTTP/1.1 ${status}\r\n${lines(...fields)}\r\n${body}`;
}

/** 200 with these fields and the body `ok`. */
export function okWith(...fields: readonly string[]): string {
  return answer('200 OK', ['Content-Length: 2', ...fields], 'ok');
}

export const OK = okWith();
export const ok: Answer = { status: 200, body: 'ok' };

/** An answer of the proxy itself (RFC 9457). */
export function own(status: number, ...has: readonly Line[]): Answer {
  return {
    status,
    has: [
      ...['server: windrose', 'content-type: application/problem+json', /^date: \w{3}, \d\d /],
      ...has,
    ],
    body: new RegExp(`"status":${status}\\b`),
    framing: 'length',
  };
}

/** Answered by the proxy, which closes the connection and sends nothing upstream. */
export function refused(status = 400): Expectation {
  return { upstream: 'nothing', client: own(status, 'connection: close'), closed: true };
}

/** The upstream answered in a way that cannot be passed on. */
export const badGateway: Expectation = { client: own(502), upstreamClosed: true };

export type Row = readonly [name: string, rfc: string, bytes: Steps, status?: number];

export function refusals(rows: readonly Row[]): Case[] {
  return rows.map(([name, rfc, client, status]) => ({
    ...{ name, rfc, client },
    expect: refused(status),
  }));
}

/** Answers of an upstream to a GET that are refused with 502. */
export function badAnswers(rows: readonly Row[]): Case[] {
  return rows.map(([name, rfc, upstream]) => ({
    ...{ name, rfc, upstream, client: get() },
    expect: badGateway,
  }));
}

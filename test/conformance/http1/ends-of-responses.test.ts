import { type Case, CUT, END, RESET, type Script, answer, bytewise } from './case.ts';
import { get, head, ok, okWith, own } from './case.ts';
import { conform } from './run.ts';

const body = (fields: readonly string[], text: string): string => answer('200 OK', fields, text);
const CHUNKED = 'Transfer-Encoding: chunked';

/** Chunks that break after the head went to the client. */
const BROKEN: readonly [name: string, rfc: string, rest: string][] = [
  ['a letter that is no digit', 'RFC 9112 §7.1 ¶ 3', 'g\r\n'],
  ['a size with a sign', 'RFC 9112 §7.1 ¶ 3', '-1\r\n'],
  ['a size of 17 digits', 'RFC 9112 §7.1 ¶ 7', `${'0'.repeat(17)}\r\n\r\n`],
  ['a bare LF behind the size', 'RFC 9112 §7.1 ¶ 3', '2\nok\r\n0\r\n\r\n'],
  ['content longer than its size', 'RFC 9112 §7.1 ¶ 3', '1\r\nok\r\n0\r\n\r\n'],
  ['an extension without end', 'RFC 9112 §7.1.1 ¶ 4', `0;${'a'.repeat(2_000)}\r\n\r\n`],
  ['a trailer without a colon', 'RFC 9112 §7.1.2 ¶ 1', '0\r\nX\r\n\r\n'],
  ['a bare LF in a trailer', 'RFC 9112 §2.2 ¶ 3', '0\r\nX: a\nY: b\r\n\r\n'],
];

/** Bodies that end before they should, and what of them arrives. */
const CUT_OFF: readonly [name: string, rfc: string, upstream: Script][] = [
  ['a length', 'RFC 9112 §8 ¶ 4', [body(['Content-Length: 9'], 'hello'), END]],
  ['chunks', 'RFC 9112 §8 ¶ 3', [body([CHUNKED], '5\r\nhello\r\n'), END]],
  ['a chunk', 'RFC 9112 §8 ¶ 3', [body([CHUNKED], '9\r\nhello'), END]],
  ['trailers', 'RFC 9112 §8 ¶ 3', [body([CHUNKED], '5\r\nhello\r\n0\r\nX: a'), END]],
  ['a body until close', 'RFC 9112 §8 ¶ 5', [body([], 'hello'), CUT, RESET]],
];

const MORE: readonly Case[] = [
  {
    name: 'bytes behind the end of a length go nowhere',
    rfc: 'RFC 9112 §9.3 ¶ 6',
    client: get(),
    upstream: `${okWith()}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`,
    expect: { client: ok, upstreamClosed: true },
  },
  {
    name: 'bytes behind the last chunk go nowhere',
    rfc: 'RFC 9112 §9.3 ¶ 6',
    client: get(),
    upstream: `${body([CHUNKED], '2\r\nok\r\n0\r\n\r\n')}evil`,
    expect: { client: ok, upstreamClosed: true },
  },
  {
    name: 'bytes that come later, unasked, go nowhere',
    rfc: 'RFC 9112 §9.2 ¶ 2',
    client: get(),
    upstream: [okWith(), CUT, okWith('X-Evil: 1')],
    // The next request waits for the close: sent before they come, it could not tell them apart.
    expect: { client: ok, upstreamClosed: true },
  },
  {
    name: 'an answer of HTTP/1.0 with a length',
    rfc: 'RFC 9110 §2.5 ¶ 6',
    client: get(),
    upstream: ['HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', END],
    expect: { client: { ...ok, line: 'HTTP/1.1 200 OK', framing: 'length' } },
  },
  {
    name: 'an answer of HTTP/1.0 until close',
    rfc: 'RFC 9110 §2.5 ¶ 6',
    client: get(),
    upstream: ['HTTP/1.0 200 OK\r\n\r\nok', END],
    expect: { client: { ...ok, framing: 'chunked' } },
  },
  {
    name: 'an answer of HTTP/1.0 is the last of its connection',
    rfc: 'RFC 9112 §9.3 ¶ 2',
    client: get(),
    upstream: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
    expect: { client: ok, upstreamClosed: true },
  },
  {
    name: 'an answer that says close is the last of its connection',
    rfc: 'RFC 9112 §9.6 ¶ 7',
    client: get(),
    upstream: okWith('Connection: close'),
    expect: { client: ok, upstreamClosed: true },
  },
  {
    name: 'an empty reason',
    rfc: 'RFC 9112 §4 ¶ 6',
    client: get(),
    upstream: answer('299 ', ['Content-Length: 2'], 'ok'),
    expect: { client: { status: 299, body: 'ok' } },
  },
  {
    name: 'a reason with obs-text and whitespace',
    rfc: 'RFC 9112 §4 ¶ 6',
    client: get(),
    upstream: answer('200 Tr\xe8s  bien\t!', ['Content-Length: 2'], 'ok'),
    expect: { client: ok },
  },
  {
    name: 'a status that nobody knows',
    rfc: 'RFC 9110 §15 ¶ 5',
    client: get(),
    upstream: answer('599 Whatever', ['Content-Length: 2'], 'ok'),
    expect: { client: { status: 599, body: 'ok' } },
  },
  {
    name: 'an answer byte by byte',
    rfc: 'RFC 9112 §2.2 ¶ 1',
    client: get(),
    upstream: [bytewise(body([CHUNKED], '5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n'))],
    expect: { client: { status: 200, body: 'hello', trailers: ['x: y'] }, upstreamClosed: false },
  },
  {
    name: 'a long body',
    rfc: 'RFC 9112 §6.2 ¶ 3',
    client: get(),
    upstream: body(['Content-Length: 300000'], 'x'.repeat(300_000)),
    expect: { client: { status: 200, body: /^x{300000}$/ }, upstreamClosed: false },
  },
  {
    name: 'an answer of the proxy to HEAD has no body',
    rfc: 'RFC 9110 §9.3.2 ¶ 1',
    client: head('HEAD /a%2fb'),
    expect: {
      upstream: 'nothing',
      client: { ...own(400), body: '', framing: 'none', bodyless: true },
      closed: true,
    },
  },
];

conform('ends of responses', [
  ...BROKEN.map(([name, rfc, rest]): Case => ({
    ...{ name: `broken chunks: ${name}`, rfc, client: get() },
    upstream: [body([CHUNKED], '1\r\na\r\n'), CUT, rest],
    expect: {
      client: { status: 200, body: /^a/, aborted: true },
      ...{ closed: true, upstreamClosed: true },
    },
  })),
  ...CUT_OFF.map(([name, rfc, upstream]): Case => ({
    ...{ name: `cut off: ${name}`, rfc, client: get(), upstream },
    expect: { client: { status: 200, body: /^(hello)?$/, aborted: true }, closed: true },
  })),
  ...MORE,
]);

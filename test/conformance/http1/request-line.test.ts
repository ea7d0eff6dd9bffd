import { type Case, CUT, type Row, bytewise, get, head, ok, refused, refusals } from './case.ts';
import { conform } from './run.ts';

const HOST = 'Host: shop.example\r\n\r\n';
const line = (text: string): string => `${text}\r\n${HOST}`;

const REFUSED: readonly Row[] = [
  ['two spaces before the target', 'RFC 9112 §3 ¶ 3', line('GET  / HTTP/1.1')],
  ['two spaces before the version', 'RFC 9112 §3 ¶ 3', line('GET /  HTTP/1.1')],
  ['a tab for a space', 'RFC 9112 §3 ¶ 3', line('GET\t/ HTTP/1.1')],
  ['a vertical tab for a space', 'RFC 9112 §3 ¶ 3', line('GET\x0b/ HTTP/1.1')],
  ['a form feed for a space', 'RFC 9112 §3 ¶ 3', line('GET / \x0cHTTP/1.1')],
  ['a space in front', 'RFC 9112 §3 ¶ 2', line(' GET / HTTP/1.1')],
  ['a space behind the version', 'RFC 9112 §3 ¶ 3', line('GET / HTTP/1.1 ')],
  ['a tab behind the version', 'RFC 9112 §3 ¶ 3', line('GET / HTTP/1.1\t')],
  ['a space in the target', 'RFC 9112 §3.2 ¶ 3', line('GET /a b HTTP/1.1')],
  ['no target', 'RFC 9112 §3 ¶ 2', line('GET HTTP/1.1')],
  ['an empty target', 'RFC 9112 §3.2 ¶ 2', line('GET  HTTP/1.1')],
  ['no method', 'RFC 9112 §3.1 ¶ 1', line('/ HTTP/1.1')],
  ['no version: HTTP/0.9', 'RFC 9112 §3 ¶ 2', line('GET /')],
  ['a method with a colon', 'RFC 9110 §5.6.2 ¶ 2', line('GE:T / HTTP/1.1')],
  ['a method with a slash', 'RFC 9110 §5.6.2 ¶ 2', line('GE/T / HTTP/1.1')],
  ['a method with a quote', 'RFC 9110 §5.6.2 ¶ 2', line('GE"T / HTTP/1.1')],
  ['a method with obs-text', 'RFC 9110 §5.6.2 ¶ 2', line('G\xc9T / HTTP/1.1')],
  ['a method with NUL', 'RFC 9110 §5.6.2 ¶ 2', line('GE\0T / HTTP/1.1')],
  ['a version in small letters', 'RFC 9112 §2.3 ¶ 2', line('GET / http/1.1')],
  ['a version of three numbers', 'RFC 9112 §2.3 ¶ 2', line('GET / HTTP/1.1.1')],
  ['a version of two digits', 'RFC 9112 §2.3 ¶ 2', line('GET / HTTP/1.10')],
  ['a major version of two digits', 'RFC 9112 §2.3 ¶ 2', line('GET / HTTP/11.1')],
  ['a version without a point', 'RFC 9112 §2.3 ¶ 2', line('GET / HTTP/11')],
  ['a version without a minor number', 'RFC 9112 §2.3 ¶ 2', line('GET / HTTP/1.')],
  ['a version with a sign', 'RFC 9112 §2.3 ¶ 2', line('GET / HTTP/+1.1')],
  ['a version with a letter', 'RFC 9112 §2.3 ¶ 2', line('GET / HTTP/1.x')],
  ['another protocol', 'RFC 9112 §2.3 ¶ 2', line('GET / ICAP/1.0')],
  ['HTTP/2.0', 'RFC 9110 §15.6.6 ¶ 1', line('GET / HTTP/2.0'), 505],
  ['HTTP/3.0', 'RFC 9110 §15.6.6 ¶ 1', line('GET / HTTP/3.0'), 505],
  ['HTTP/0.9 written out', 'RFC 9110 §15.6.6 ¶ 1', line('GET / HTTP/0.9'), 505],
  ['HTTP/1.2', 'RFC 9110 §15.6.6 ¶ 1', line('GET / HTTP/1.2'), 505],
  ['HTTP/1.9', 'RFC 9110 §15.6.6 ¶ 1', line('GET / HTTP/1.9'), 505],
  ['HTTP/9.9', 'RFC 9110 §15.6.6 ¶ 1', line('GET / HTTP/9.9'), 505],
  ['a bare LF behind the line', 'RFC 9112 §2.2 ¶ 3', `GET / HTTP/1.1\n${HOST}`],
  ['a bare CR behind the line', 'RFC 9112 §2.2 ¶ 4', `GET / HTTP/1.1\r${HOST}`],
  ['a bare CR in the line', 'RFC 9112 §2.2 ¶ 4', line('GET /\r HTTP/1.1')],
  ['CR CR LF behind the line', 'RFC 9112 §2.2 ¶ 4', `GET / HTTP/1.1\r\r\n${HOST}`],
  ['two empty lines in front', 'RFC 9112 §2.2 ¶ 6', `\r\n\r\n${get()}`],
  ['a bare LF in front', 'RFC 9112 §2.2 ¶ 3', `\n${get()}`],
  ['a bare CR in front', 'RFC 9112 §2.2 ¶ 4', `\r${get()}`],
  ['whitespace before the first field', 'RFC 9112 §2.2 ¶ 8', `GET / HTTP/1.1\r\n ${HOST}`],
  ['no HTTP at all: TLS', 'RFC 9112 §2.2 ¶ 9', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['no HTTP at all: a byte order mark', 'RFC 9112 §2.2 ¶ 2', `\xef\xbb\xbf${get()}`],
  ['no HTTP at all: a status line', 'RFC 9112 §2.1 ¶ 2', line('HTTP/1.1 200 OK')],
  [
    'no HTTP at all: PROXY protocol',
    'RFC 9112 §3 ¶ 2',
    `PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n${HOST}`,
  ],
  ['TRACE', 'RFC 9110 §9.3.8 ¶ 3', head('TRACE /'), 405],
  ['CONNECT', 'RFC 9110 §9.3.6 ¶ 4', head('CONNECT shop.example:443'), 501],
];

const METHODS = ['GET', 'OPTIONS', 'POST', 'PUT', 'DELETE', 'PATCH', 'PROPFIND', 'get', 'M-SEARCH'];

const FORWARDED: readonly Case[] = [
  ...METHODS.map((method): Case => ({
    name: `the method ${method} is forwarded as it is`,
    rfc: 'RFC 9110 §9.1 ¶ 5',
    client: head(`${method} /m`),
    expect: { upstream: { line: `${method} /m HTTP/1.1` }, client: ok },
  })),
  {
    name: 'a method of every character that a token may have',
    rfc: 'RFC 9110 §5.6.2 ¶ 2',
    client: head("A!#$%&'*+-.^_`|~9 /m"),
    expect: { upstream: { line: "A!#$%&'*+-.^_`|~9 /m HTTP/1.1" }, client: ok },
  },
  {
    name: 'HEAD is forwarded, and its answer has no body',
    rfc: 'RFC 9110 §9.3.2 ¶ 1',
    client: head('HEAD /m'),
    upstream: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n',
    expect: {
      upstream: { line: 'HEAD /m HTTP/1.1' },
      client: { status: 200, bodyless: true, has: ['content-length: 2'] },
      upstreamClosed: false,
    },
  },
  {
    name: 'one empty line in front is passed over',
    rfc: 'RFC 9112 §2.2 ¶ 6',
    client: `\r\n${get()}`,
    expect: { upstream: { line: 'GET / HTTP/1.1' }, client: ok },
  },
  {
    name: 'one empty line between two requests is passed over',
    rfc: 'RFC 9112 §2.2 ¶ 6',
    client: `${head('POST /a', 'Content-Length: 1')}x\r\n${head('GET /b')}`,
    expect: {
      upstream: [{ line: 'POST /a HTTP/1.1', body: 'x' }, { line: 'GET /b HTTP/1.1' }],
      client: [ok, ok],
    },
  },
  {
    name: 'a head that comes byte by byte',
    rfc: 'RFC 9112 §2.2 ¶ 1',
    client: [bytewise(head('GET /slow-typist?q=1', 'X-A: b'))],
    expect: {
      upstream: { line: 'GET /slow-typist?q=1 HTTP/1.1', has: ['x-a: b'] },
      client: ok,
    },
  },
  {
    name: 'a head cut within every line end',
    rfc: 'RFC 9112 §2.2 ¶ 1',
    client: [
      ...['\r', CUT, '\nGET /cut HTTP/1.1\r', CUT, '\nHost: shop.example\r', CUT],
      ...['\n\r', CUT, '\n'],
    ],
    expect: { upstream: { line: 'GET /cut HTTP/1.1' }, client: ok },
  },
  {
    name: 'a mistake in the first line is answered before the rest has come',
    rfc: 'RFC 9112 §2.2 ¶ 9',
    client: 'GET / HTTP/1.1 \r\n',
    expect: refused(),
  },
  {
    name: 'the version that goes upstream is ours, not the client’s',
    rfc: 'RFC 9110 §2.5 ¶ 6',
    client: 'GET /old HTTP/1.0\r\nHost: shop.example\r\n\r\n',
    expect: { upstream: { line: 'GET /old HTTP/1.1' }, client: ok, closed: true },
  },
  {
    name: 'a refused TRACE says what would be allowed',
    rfc: 'RFC 9110 §15.5.6 ¶ 1',
    client: head('TRACE /'),
    expect: {
      upstream: 'nothing',
      client: { status: 405, has: [/^allow: /] },
      closed: true,
    },
  },
];

conform('the request line', [...refusals(REFUSED), ...FORWARDED]);

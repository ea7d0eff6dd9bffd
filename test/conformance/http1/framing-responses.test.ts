import { type Case, CUT, END, type Row, answer, badAnswers, bare, get, head } from './case.ts';
import { lines, ok, okWith } from './case.ts';
import { conform } from './run.ts';

const body = (fields: readonly string[], text: string): string => answer('200 OK', fields, text);
const CHUNKED = 'Transfer-Encoding: chunked';
const OLD = bare('GET / HTTP/1.0', 'Host: shop.example');

const BAD: readonly Row[] = [
  ['a length and chunks', 'RFC 9112 §6.3 ¶ 2.3', body([CHUNKED, 'Content-Length: 2'], '0\r\n\r\n')],
  ['chunks and a length', 'RFC 9112 §6.3 ¶ 2.3', okWith(CHUNKED)],
  ['two lengths', 'RFC 9112 §6.3 ¶ 2.5', okWith('Content-Length: 3')],
  ['two equal lengths', 'RFC 9112 §6.3 ¶ 2.5', okWith('Content-Length: 2')],
  ['a list of lengths', 'RFC 9112 §6.3 ¶ 2.5', body(['Content-Length: 2, 2'], 'ok')],
  ['a length with a sign', 'RFC 9112 §6.3 ¶ 2.5', body(['Content-Length: +2'], 'ok')],
  ['a negative length', 'RFC 9112 §6.3 ¶ 2.5', body(['Content-Length: -2'], 'ok')],
  ['a length with zeros in front', 'RFC 9112 §6.3 ¶ 2.5', body(['Content-Length: 02'], 'ok')],
  ['a length in hexadecimal', 'RFC 9112 §6.3 ¶ 2.5', body(['Content-Length: 0x2'], 'ok')],
  ['an empty length', 'RFC 9112 §6.3 ¶ 2.5', body(['Content-Length:'], 'ok')],
  [
    'a length beyond all numbers',
    'RFC 9112 §6.3 ¶ 2.5',
    body([`Content-Length: 1${'0'.repeat(20)}`], 'ok'),
  ],
  ['an unknown coding', 'RFC 9112 §6.3 ¶ 2.4', body(['Transfer-Encoding: gzip'], 'ok')],
  [
    'a coding below the chunks',
    'RFC 9112 §7.1 ¶ 2',
    body(['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'),
  ],
  [
    'chunks that are not the last',
    'RFC 9112 §6.3 ¶ 2.4',
    body(['Transfer-Encoding: chunked, gzip'], 'ok'),
  ],
  ['chunks twice', 'RFC 9112 §6.1 ¶ 3', body([CHUNKED, CHUNKED], '0\r\n\r\n')],
  ['an empty coding', 'RFC 9112 §6.1 ¶ 1', body(['Transfer-Encoding:'], 'ok')],
  ['chunks in HTTP/1.0', 'RFC 9112 §6.1 ¶ 16', `HTTP/1.0 200 OK\r\n${CHUNKED}\r\n\r\n0\r\n\r\n`],
  ['a version in small letters', 'RFC 9112 §2.3 ¶ 2', 'http/1.1 200 OK\r\n\r\n'],
  ['HTTP/2.0', 'RFC 9112 §2.3 ¶ 2', 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['HTTP/1.2', 'RFC 9112 §2.3 ¶ 2', 'HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['HTTP/0.9', 'RFC 9112 §4 ¶ 2', '<html>ok</html>\r\n\r\n'],
  ['no HTTP at all', 'RFC 9112 §4 ¶ 2', 'SSH-2.0-x\r\n'],
  ['an empty line in front', 'RFC 9112 §4 ¶ 2', `\r\n${okWith()}`],
  ['a space in front', 'RFC 9112 §4 ¶ 2', ` ${okWith()}`],
  ['two spaces before the status', 'RFC 9112 §4 ¶ 2', answer(' 200 OK', ['Content-Length: 0'])],
  ['a status of two digits', 'RFC 9112 §4 ¶ 4', answer('20 OK', ['Content-Length: 0'])],
  ['a status of four digits', 'RFC 9112 §4 ¶ 4', answer('2000 OK', ['Content-Length: 0'])],
  ['a status of letters', 'RFC 9112 §4 ¶ 4', answer('2OO OK', ['Content-Length: 0'])],
  ['status 099', 'RFC 9110 §15 ¶ 2', answer('099 Hm', ['Content-Length: 0'])],
  ['status 000', 'RFC 9110 §15 ¶ 2', answer('000 Hm', ['Content-Length: 0'])],
  ['status 600', 'RFC 9110 §15 ¶ 6', answer('600 Hm', ['Content-Length: 0'])],
  ['status 999', 'RFC 9110 §15 ¶ 6', answer('999 Hm', ['Content-Length: 0'])],
  ['NUL in the reason', 'RFC 9112 §4 ¶ 6', answer('200 O\0K', ['Content-Length: 0'])],
  ['a bare CR in the reason', 'RFC 9112 §2.2 ¶ 4', answer('200 O\rK', ['Content-Length: 0'])],
];

const PASSED: readonly Case[] = [
  {
    name: 'a length stays a length',
    rfc: 'RFC 9110 §8.6 ¶ 7',
    client: get(),
    upstream: okWith(),
    expect: {
      client: { ...ok, framing: 'length', has: ['content-length: 2'] },
      upstreamClosed: false,
    },
  },
  {
    name: 'a length of 0',
    rfc: 'RFC 9110 §8.6 ¶ 7',
    client: get(),
    upstream: body(['Content-Length: 0'], ''),
    expect: { client: { status: 200, framing: 'length', body: '' }, upstreamClosed: false },
  },
  {
    name: 'chunks stay chunks',
    rfc: 'RFC 9112 §7.1 ¶ 1',
    client: get(),
    upstream: body([CHUNKED], '5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'),
    expect: { client: { status: 200, framing: 'chunked', body: 'hello!' }, upstreamClosed: false },
  },
  {
    name: 'chunk extensions are dropped',
    rfc: 'RFC 9112 §7.1.1 ¶ 3',
    client: get(),
    upstream: body([CHUNKED], '5;a=b\r\nhello\r\n0;c="d"\r\n\r\n'),
    expect: { client: { status: 200, framing: 'chunked', body: 'hello' }, upstreamClosed: false },
  },
  {
    name: 'trailers are passed on',
    rfc: 'RFC 9110 §6.5.1 ¶ 4',
    client: get('TE: trailers'),
    upstream: body([CHUNKED], '2\r\nok\r\n0\r\nX-Sum: 1\r\nX-More:\r\n\r\n'),
    expect: { client: { ...ok, trailers: ['x-sum: 1', 'x-more: '] }, upstreamClosed: false },
  },
  {
    name: 'trailers about framing and security are dropped',
    rfc: 'RFC 9110 §6.5.1 ¶ 1',
    client: get('TE: trailers'),
    upstream: body(
      [CHUNKED],
      `2\r\nok\r\n0\r\n${lines(
        ...['Content-Length: 9', 'Transfer-Encoding: x', 'X-Sum: 1', 'Connection: x'],
      )}\r\n`,
    ),
    expect: { client: { ...ok, trailers: ['x-sum: 1'] } },
  },
  {
    name: 'a body until close becomes chunks',
    rfc: 'RFC 9112 §6.3 ¶ 2.8',
    client: get(),
    upstream: [body([], 'until '), CUT, 'the end', END],
    expect: { client: { status: 200, framing: 'chunked', body: 'until the end' } },
  },
  {
    name: 'an empty body until close',
    rfc: 'RFC 9112 §6.3 ¶ 2.8',
    client: get(),
    upstream: [body([], ''), END],
    expect: { client: { status: 200, body: '' } },
  },
  {
    name: 'a body until close for HTTP/1.0 stays one',
    rfc: 'RFC 9112 §6.3 ¶ 2.8',
    client: OLD,
    upstream: [body([], 'until the end'), END],
    expect: { client: { status: 200, framing: 'close', body: 'until the end' }, closed: true },
  },
  {
    name: 'chunks for HTTP/1.0 become a body until close',
    rfc: 'RFC 9112 §6.1 ¶ 11',
    client: OLD,
    upstream: body([CHUNKED], '5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n'),
    expect: {
      client: { status: 200, framing: 'close', body: 'hello', lacks: ['transfer-encoding'] },
      closed: true,
    },
  },
  {
    name: 'chunks for HTTP/1.0 that asked to be kept: closed all the same',
    rfc: 'RFC 9112 §9.3 ¶ 2',
    client: bare('GET / HTTP/1.0', 'Host: shop.example', 'Connection: keep-alive'),
    upstream: body([CHUNKED], '5\r\nhello\r\n0\r\n\r\n'),
    expect: { client: { status: 200, framing: 'close', body: 'hello' }, closed: true },
  },
  {
    name: 'HEAD: a length without a body',
    rfc: 'RFC 9112 §6.3 ¶ 2.1',
    client: head('HEAD /'),
    upstream: body(['Content-Length: 99'], ''),
    expect: {
      client: { status: 200, bodyless: true, has: ['content-length: 99'] },
      upstreamClosed: false,
    },
  },
  {
    name: 'HEAD: chunks without a body',
    rfc: 'RFC 9112 §6.3 ¶ 2.1',
    client: head('HEAD /'),
    upstream: body([CHUNKED], ''),
    expect: { client: { status: 200, bodyless: true }, upstreamClosed: false },
  },
  {
    name: 'HEAD: nothing about the body',
    rfc: 'RFC 9112 §6.3 ¶ 2.1',
    client: head('HEAD /'),
    upstream: body(['ETag: "1"'], ''),
    expect: { client: { status: 200, bodyless: true, has: ['etag: "1"'] }, upstreamClosed: false },
  },
  {
    name: 'HEAD: a body all the same goes nowhere',
    rfc: 'RFC 9110 §9.3.2 ¶ 1',
    client: head('HEAD /'),
    upstream: body(['Content-Length: 2'], 'ok'),
    expect: { client: { status: 200, bodyless: true }, upstreamClosed: true },
  },
  {
    name: '204 has no body',
    rfc: 'RFC 9112 §6.3 ¶ 2.1',
    client: get(),
    upstream: answer('204 No Content', ['X-A: b']),
    expect: {
      client: { status: 204, has: ['x-a: b'], lacks: ['content-length', 'transfer-encoding'] },
      upstreamClosed: false,
    },
  },
  {
    name: '204 with a length that it may not have',
    rfc: 'RFC 9110 §8.6 ¶ 9',
    client: get(),
    upstream: answer('204 No Content', ['Content-Length: 0']),
    expect: { client: { status: 204, lacks: ['content-length', 'transfer-encoding'] } },
  },
  {
    name: '204 with a body all the same: it goes nowhere',
    rfc: 'RFC 9112 §6.3 ¶ 2.1',
    client: get(),
    upstream: answer('204 No Content', ['Content-Length: 2'], 'ok'),
    expect: { client: { status: 204 }, upstreamClosed: true },
  },
  {
    name: '304 keeps the length of what it stands for',
    rfc: 'RFC 9110 §8.6 ¶ 4',
    client: get('If-None-Match: "1"'),
    upstream: answer('304 Not Modified', ['ETag: "1"', 'Content-Length: 99']),
    expect: {
      client: { status: 304, has: ['etag: "1"', 'content-length: 99'] },
      upstreamClosed: false,
    },
  },
  {
    name: '304 with chunks has no body',
    rfc: 'RFC 9112 §6.1 ¶ 8',
    client: get(),
    upstream: answer('304 Not Modified', [CHUNKED]),
    expect: { client: { status: 304 }, upstreamClosed: false },
  },
];

conform('framing of responses', [...badAnswers(BAD), ...PASSED]);

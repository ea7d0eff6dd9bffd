import { type Case, CUT, type Row, bare, bytewise, chunked, get, head } from './case.ts';
import { lines, ok, own, post, refusals } from './case.ts';
import { conform } from './run.ts';

const length = (value: string, body = ''): string => post([`Content-Length: ${value}`], body);
const coding = (value: string, body = '0\r\n\r\n'): string =>
  post([`Transfer-Encoding: ${value}`], body);

const REFUSED: readonly Row[] = [
  ['a length with a sign', 'RFC 9110 §8.6 ¶ 5', length('+5', 'hello')],
  ['a negative length', 'RFC 9110 §8.6 ¶ 5', length('-1')],
  ['a length with leading zeros', 'RFC 9112 §6.3 ¶ 2.5', length('005', 'hello')],
  ['a length in hexadecimal', 'RFC 9110 §8.6 ¶ 5', length('0x5', 'hello')],
  ['a length with a point', 'RFC 9110 §8.6 ¶ 5', length('5.0', 'hello')],
  ['a length with an exponent', 'RFC 9110 §8.6 ¶ 5', length('1e1', 'hello')],
  ['a length with a separator', 'RFC 9110 §8.6 ¶ 5', length('1_0', 'hello')],
  ['a length with a space in it', 'RFC 9110 §8.6 ¶ 5', length('1 0', 'hello')],
  ['an empty length', 'RFC 9110 §8.6 ¶ 5', length('')],
  ['a list of equal lengths', 'RFC 9112 §6.3 ¶ 2.5', length('5, 5', 'hello')],
  ['a list of lengths', 'RFC 9112 §6.3 ¶ 2.5', length('5, 6', 'hello')],
  ['two lengths', 'RFC 9112 §6.3 ¶ 2.5', post(['Content-Length: 5', 'Content-Length: 6'], 'hello')],
  [
    'two equal lengths',
    'RFC 9110 §8.6 ¶ 10',
    post(['Content-Length: 5', 'content-length: 5'], 'hello'),
  ],
  ['a length beyond all numbers', 'RFC 9110 §8.6 ¶ 8', length('99999999999999999999')],
  ['a length with obs-text', 'RFC 9110 §8.6 ¶ 5', length('5\xa0', 'hello')],
  ['a length and chunks', 'RFC 9112 §6.1 ¶ 15', chunked('0\r\n\r\n', 'Content-Length: 5')],
  ['a length of 0 and chunks', 'RFC 9112 §6.1 ¶ 15', chunked('0\r\n\r\n', 'Content-Length: 0')],
  ['an unknown coding', 'RFC 9112 §6.1 ¶ 17', coding('gzip'), 501],
  ['a coding nobody has heard of', 'RFC 9112 §6.1 ¶ 17', coding('xchunked'), 501],
  ['identity, which is gone', 'RFC 9112 §7 ¶ 1', coding('identity'), 501],
  ['a coding below the chunks', 'RFC 9112 §6.3 ¶ 2.4', coding('gzip, chunked')],
  ['chunks that are not the last', 'RFC 9112 §6.3 ¶ 2.4', coding('chunked, gzip')],
  ['chunks twice', 'RFC 9112 §6.1 ¶ 3', coding('chunked, chunked')],
  ['chunks in two lines', 'RFC 9112 §6.1 ¶ 3', chunked('0\r\n\r\n', 'Transfer-Encoding: chunked')],
  ['codings in two lines', 'RFC 9112 §6.1 ¶ 3', chunked('0\r\n\r\n', 'Transfer-Encoding: x')],
  ['an empty element before chunked', 'RFC 9112 §6.1 ¶ 1', coding(',chunked')],
  ['an empty element behind chunked', 'RFC 9112 §6.1 ¶ 1', coding('chunked,')],
  ['an empty coding', 'RFC 9112 §6.1 ¶ 1', coding('')],
  ['chunked with a parameter', 'RFC 9112 §7.1 ¶ 1', coding('chunked;q=1')],
  ['chunked in quotes', 'RFC 9112 §7 ¶ 1', coding('"chunked"')],
  ['chunked with a vertical tab', 'RFC 9112 §6.1 ¶ 1', coding('\x0bchunked')],
  [
    'chunks in HTTP/1.0',
    'RFC 9112 §6.1 ¶ 16',
    bare('POST / HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked') + '0\r\n\r\n',
  ],
];

/** Bodies in chunks, and what the upstream has to get of them. */
const CHUNKS: readonly [name: string, rfc: string, body: string, seen: string][] = [
  ['one chunk', 'RFC 9112 §7.1 ¶ 3', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['several chunks', 'RFC 9112 §7.1 ¶ 3', '1\r\nh\r\n4\r\nello\r\n0\r\n\r\n', 'hello'],
  ['no chunk but the last', 'RFC 9112 §7.1 ¶ 4', '0\r\n\r\n', ''],
  [
    'a size in capitals',
    'RFC 9112 §7.1 ¶ 3',
    `A\r\n${'a'.repeat(10)}\r\n0\r\n\r\n`,
    'a'.repeat(10),
  ],
  [
    'a size in small letters',
    'RFC 9112 §7.1 ¶ 3',
    `1f\r\n${'a'.repeat(31)}\r\n0\r\n\r\n`,
    'a'.repeat(31),
  ],
  ['zeros in front', 'RFC 9112 §7.1 ¶ 3', '0000000000000005\r\nhello\r\n00\r\n\r\n', 'hello'],
  ['line ends as content', 'RFC 9112 §7.1 ¶ 3', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n'],
  ['every byte', 'RFC 9112 §7.1 ¶ 3', '3\r\n\0\xff\r\r\n0\r\n\r\n', '\0\xff\r'],
  ['an extension', 'RFC 9112 §7.1.1 ¶ 1', '5;a=b\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['an extension without a value', 'RFC 9112 §7.1.1 ¶ 1', '5;a\r\nhello\r\n0;z\r\n\r\n', 'hello'],
  ['a quoted extension', 'RFC 9112 §7.1.1 ¶ 2', '5;a="b;c"\r\nhello\r\n0\r\n\r\n', 'hello'],
  [
    'an extension as long as allowed',
    'RFC 9112 §7.1.1 ¶ 4',
    `5;a=${'b'.repeat(900)}\r\nhello\r\n0\r\n\r\n`,
    'hello',
  ],
];

/** Bodies that break after their head is good. */
const BROKEN: readonly Row[] = [
  ['no digit', 'RFC 9112 §7.1 ¶ 3', chunked('\r\nhello\r\n0\r\n\r\n')],
  ['a letter that is no digit', 'RFC 9112 §7.1 ¶ 3', chunked('5g\r\nhello\r\n0\r\n\r\n')],
  ['a negative size', 'RFC 9112 §7.1 ¶ 3', chunked('-5\r\nhello\r\n0\r\n\r\n')],
  ['a size with a sign', 'RFC 9112 §7.1 ¶ 3', chunked('+5\r\nhello\r\n0\r\n\r\n')],
  ['a size with 0x', 'RFC 9112 §7.1 ¶ 3', chunked('0x5\r\nhello\r\n0\r\n\r\n')],
  ['a space before the size', 'RFC 9112 §7.1 ¶ 3', chunked(' 5\r\nhello\r\n0\r\n\r\n')],
  ['a space behind the size', 'RFC 9112 §7.1 ¶ 3', chunked('5 \r\nhello\r\n0\r\n\r\n')],
  ['a size of 17 digits', 'RFC 9112 §7.1 ¶ 7', chunked(`${'0'.repeat(16)}5\r\nhello\r\n0\r\n\r\n`)],
  ['a size beyond 2^53', 'RFC 9112 §7.1 ¶ 7', chunked('20000000000001\r\nhello')],
  ['a size beyond 2^64', 'RFC 9112 §7.1 ¶ 7', chunked('10000000000000005\r\nhello\r\n0\r\n\r\n')],
  ['a bare LF behind the size', 'RFC 9112 §7.1 ¶ 3', chunked('5\nhello\r\n0\r\n\r\n')],
  ['a bare CR behind the size', 'RFC 9112 §7.1 ¶ 3', chunked('5\rhello\r\n0\r\n\r\n')],
  ['content longer than its size', 'RFC 9112 §7.1 ¶ 3', chunked('4\r\nhello\r\n0\r\n\r\n')],
  ['content shorter than its size', 'RFC 9112 §7.1 ¶ 3', chunked('6\r\nhello\r\n0\r\n\r\n')],
  ['a bare LF behind the content', 'RFC 9112 §7.1 ¶ 3', chunked('5\r\nhello\n0\r\n\r\n')],
  ['a bare LF in an extension', 'RFC 9112 §7.1.1 ¶ 1', chunked('5;a\nb\r\nhello\r\n0\r\n\r\n')],
  ['a bare CR in an extension', 'RFC 9112 §7.1.1 ¶ 1', chunked('5;a\rb\r\nhello\r\n0\r\n\r\n')],
  ['NUL in an extension', 'RFC 9112 §7.1.1 ¶ 1', chunked('5;a=\0\r\nhello\r\n0\r\n\r\n')],
  [
    'an extension without end',
    'RFC 9112 §7.1.1 ¶ 4',
    chunked(`5;a=${'b'.repeat(2_000)}\r\nhello\r\n0\r\n\r\n`),
  ],
  ['a bare LF as the end', 'RFC 9112 §7.1 ¶ 3', chunked('5\r\nhello\r\n0\n\n')],
  ['a trailer without a colon', 'RFC 9112 §7.1.2 ¶ 1', chunked('0\r\nX\r\n\r\n')],
  ['a folded trailer', 'RFC 9112 §5.2 ¶ 3', chunked('0\r\nX: a\r\n b\r\n\r\n')],
  ['NUL in a trailer', 'RFC 9110 §5.5 ¶ 5', chunked('0\r\nX: \0\r\n\r\n')],
  ['a space before a trailer’s colon', 'RFC 9112 §5.1 ¶ 2', chunked('0\r\nX : a\r\n\r\n')],
];

const MORE: readonly Case[] = [
  {
    name: 'a length is forwarded as a length',
    rfc: 'RFC 9112 §6.2 ¶ 1',
    client: length('5', 'hello'),
    expect: {
      upstream: { framing: 'length', has: ['content-length: 5'], body: 'hello' },
      client: ok,
    },
  },
  {
    name: 'a length of 0 is forwarded as one',
    rfc: 'RFC 9110 §8.6 ¶ 6',
    client: length('0'),
    expect: { upstream: { framing: 'length', has: ['content-length: 0'], body: '' }, client: ok },
  },
  {
    name: 'a POST without a body gets a length',
    rfc: 'RFC 9110 §8.6 ¶ 6',
    client: post([]),
    expect: { upstream: { framing: 'length', has: ['content-length: 0'] }, client: ok },
  },
  {
    name: 'a GET without a body has none upstream',
    rfc: 'RFC 9112 §6.3 ¶ 2.7',
    client: get(),
    expect: { upstream: { framing: 'none' }, client: ok },
  },
  {
    name: 'a GET with a body is one message upstream too',
    rfc: 'RFC 9110 §9.3.1 ¶ 6',
    client: `${get('Content-Length: 5')}hello`,
    expect: { upstream: { line: 'GET / HTTP/1.1', framing: 'length', body: 'hello' }, client: ok },
  },
  {
    name: 'a DELETE in chunks is one message upstream too',
    rfc: 'RFC 9110 §9.3.5 ¶ 5',
    client: `${head('DELETE /d', 'Transfer-Encoding: chunked')}2\r\nhi\r\n0\r\n\r\n`,
    expect: { upstream: { framing: 'chunked', body: 'hi' }, client: ok },
  },
  {
    name: 'the name of the coding in capitals',
    rfc: 'RFC 9112 §7 ¶ 2',
    client: coding('CHUNKED', '2\r\nhi\r\n0\r\n\r\n'),
    expect: { upstream: { framing: 'chunked', body: 'hi' }, client: ok },
  },
  {
    name: 'chunks byte by byte',
    rfc: 'RFC 9112 §7.1.3 ¶ 1',
    client: [bytewise(chunked('5;x=y\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'))],
    expect: { upstream: { framing: 'chunked', body: 'hello!' }, client: ok },
  },
  {
    name: 'chunks cut within line ends',
    rfc: 'RFC 9112 §7.1.3 ¶ 1',
    client: [chunked('5\r'), CUT, '\nhello\r', CUT, '\n0\r', CUT, '\n\r', CUT, '\n'],
    expect: { upstream: { framing: 'chunked', body: 'hello' }, client: ok },
  },
  {
    name: 'trailers are forwarded',
    rfc: 'RFC 9110 §6.5.1 ¶ 4',
    client: chunked('2\r\nhi\r\n0\r\nX-Sum: 1\r\nX-More:\r\n\r\n'),
    expect: {
      upstream: { framing: 'chunked', body: 'hi', trailers: ['x-sum: 1', 'x-more: '] },
      client: ok,
    },
  },
  {
    name: 'trailers about framing, routing and security are not',
    rfc: 'RFC 9110 §6.5.1 ¶ 1',
    client: chunked(
      `0\r\n${lines(
        ...['Content-Length: 5', 'Transfer-Encoding: chunked', 'Host: evil.example', 'X-Sum: 1'],
        ...['Authorization: Basic YQ==', 'X-Forwarded-For: 1.2.3.4', 'X-Windrose-Consumer: me'],
        ...['Connection: close', 'Cookie: a=b', 'Content-Type: a/b', 'Trailer: X', 'TE: gzip'],
      )}\r\n`,
    ),
    expect: { upstream: { trailers: ['x-sum: 1'] }, client: ok },
  },
  {
    name: 'two bodies in a row, with and without chunks',
    rfc: 'RFC 9112 §6.3 ¶ 1',
    client: chunked('2\r\nhi\r\n0\r\n\r\n') + length('2', 'ho'),
    expect: { upstream: [{ body: 'hi' }, { body: 'ho' }], client: [ok, ok] },
  },
  {
    name: 'a body over many reads',
    rfc: 'RFC 9112 §6.2 ¶ 2',
    client: length('300000', 'x'.repeat(300_000)),
    expect: { upstream: { body: /^x{300000}$/ }, client: ok },
  },
];

conform('framing of requests', [
  ...refusals(REFUSED),
  ...CHUNKS.map(([name, rfc, body, seen]): Case => ({
    ...{ name: `chunks: ${name}`, rfc, client: chunked(body) },
    expect: { upstream: { framing: 'chunked', body: seen }, client: ok },
  })),
  ...BROKEN.map(([name, rfc, client]): Case => ({
    ...{ name: `broken chunks: ${name}`, rfc, client },
    expect: {
      upstream: 'nothing whole',
      client: own(400, 'connection: close'),
      closed: true,
    },
  })),
  ...MORE,
]);

import { type Case, type Row, answer, badAnswers, get, head, lines, ok, okWith } from './case.ts';
import { refusals } from './case.ts';
import { conform } from './run.ts';

const REFUSED: readonly Row[] = [
  ['a space before the colon', 'RFC 9112 §5.1 ¶ 2', get('X : a')],
  ['a tab before the colon', 'RFC 9112 §5.1 ¶ 2', get('X\t: a')],
  ['no colon', 'RFC 9112 §5 ¶ 1', get('X')],
  ['an empty name', 'RFC 9112 §5 ¶ 1', get(': a')],
  ['a space in a name', 'RFC 9110 §5.1 ¶ 2', get('X Y: a')],
  ['obs-text in a name', 'RFC 9110 §5.1 ¶ 2', get('X\xc9: a')],
  ['NUL in a name', 'RFC 9110 §5.1 ¶ 2', get('X\0: a')],
  ['a bracket in a name', 'RFC 9110 §5.6.2 ¶ 2', get('X(Y): a')],
  ['a slash in a name', 'RFC 9110 §5.6.2 ¶ 2', get('X/Y: a')],
  ['an at sign in a name', 'RFC 9110 §5.6.2 ¶ 2', get('X@Y: a')],
  ['a quote in a name', 'RFC 9110 §5.6.2 ¶ 2', get('"X": a')],
  ['an underscore in a name', 'RFC 9110 §17.10 ¶ 2', get('X_Y: a')],
  ['a folded line', 'RFC 9112 §5.2 ¶ 3', get('X: a', ' b')],
  ['a line folded with a tab', 'RFC 9112 §5.2 ¶ 3', get('X: a', '\tb')],
  ['a folded line of whitespace', 'RFC 9112 §5.2 ¶ 3', get('X: a', ' ')],
  ['NUL in a value', 'RFC 9110 §5.5 ¶ 5', get('X: a\0b')],
  ['a bare CR in a value', 'RFC 9110 §5.5 ¶ 5', get('X: a\rb')],
  ['a bare CR at the end of a value', 'RFC 9112 §2.2 ¶ 4', get('X: a\r')],
  ['a bare LF in a value', 'RFC 9110 §5.5 ¶ 5', get('X: a\nb: c')],
  ['a bare LF as a line end', 'RFC 9112 §2.2 ¶ 3', 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
  ['a bare LF as the last line end', 'RFC 9112 §2.2 ¶ 3', 'GET / HTTP/1.1\r\nHost: a\r\n\n'],
  ['CR without LF at the end', 'RFC 9112 §2.2 ¶ 4', 'GET / HTTP/1.1\r\nHost: a\r\n\rX'],
  ['a bell in a value', 'RFC 9110 §5.5 ¶ 5', get('X: a\x07b')],
  ['an escape character in a value', 'RFC 9110 §5.5 ¶ 5', get('X: \x1b[31m')],
  ['DEL in a value', 'RFC 9110 §5.5 ¶ 5', get('X: a\x7fb')],
  ['a vertical tab around a value', 'RFC 9110 §5.6.3 ¶ 3', get('X:\x0ba')],
  [
    'two fields of which one counts',
    'RFC 9110 §5.3 ¶ 4',
    get('Content-Type: a/b', 'Content-Type: c/d'),
  ],
  ['two credentials', 'RFC 9110 §11.6.2 ¶ 1', get('Authorization: Basic YQ==', 'Authorization: x')],
];

/** Field lines, and how the one with `x-a` has to arrive. */
const FORWARDED: readonly [name: string, rfc: string, field: string, seen: string][] = [
  ['a plain one', 'RFC 9110 §5.5 ¶ 1', 'X-A: b', 'x-a: b'],
  ['an empty value', 'RFC 9110 §5.5 ¶ 1', 'X-A:', 'x-a: '],
  ['a value of whitespace', 'RFC 9110 §5.5 ¶ 3', 'X-A: \t ', 'x-a: '],
  ['no space behind the colon', 'RFC 9112 §5 ¶ 1', 'X-A:b', 'x-a: b'],
  ['whitespace around a value', 'RFC 9112 §5.1 ¶ 3', 'X-A:\t  b \t', 'x-a: b'],
  ['whitespace within a value', 'RFC 9110 §5.5 ¶ 2', 'X-A: b  c\td', 'x-a: b  c\td'],
  ['colons in a value', 'RFC 9112 §5 ¶ 1', 'X-A: :b:c', 'x-a: :b:c'],
  ['obs-text', 'RFC 9110 §5.5 ¶ 4', 'X-A: caf\xe9 \xff', 'x-a: caf\xe9 \xff'],
  ['UTF-8', 'RFC 9110 §5.5 ¶ 4', 'X-A: \xe2\x82\xac', 'x-a: \xe2\x82\xac'],
  ['a quoted string', 'RFC 9110 §5.6.4 ¶ 2', 'X-A: "b, \\"c"', 'x-a: "b, \\"c"'],
  ['empty list elements', 'RFC 9110 §5.6.1.2 ¶ 1', 'X-A: , b,, c,', 'x-a: , b,, c,'],
  ['a name in capitals', 'RFC 9110 §5.1 ¶ 2', 'X-A: b', 'x-a: b'],
];

/** Lines of an answer that cannot be passed on. */
const BAD: readonly Row[] = [
  ['a folded line', 'RFC 9112 §5.2 ¶ 4', okWith('X: a', ' b')],
  ['a space before the colon', 'RFC 9112 §5.1 ¶ 2', okWith('X : a')],
  ['no colon', 'RFC 9112 §5 ¶ 1', okWith('X')],
  ['an empty name', 'RFC 9112 §5 ¶ 1', okWith(': a')],
  ['NUL in a value', 'RFC 9110 §5.5 ¶ 5', okWith('X: a\0b')],
  ['a bare CR in a value', 'RFC 9112 §2.2 ¶ 4', okWith('X: a\rSet-Cookie: evil=1')],
  ['a bare LF in a value', 'RFC 9112 §2.2 ¶ 3', okWith('X: a\nSet-Cookie: evil=1')],
  ['bare LF as line ends', 'RFC 9112 §2.2 ¶ 3', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
  ['a space in a name', 'RFC 9110 §5.1 ¶ 2', okWith('X Y: a')],
];

const MORE: readonly Case[] = [
  {
    name: 'the names of all methods of casing arrive as one field',
    rfc: 'RFC 9110 §5.1 ¶ 2',
    client: get('x-UPPER-lower: 1'),
    expect: { upstream: { has: ['x-upper-lower: 1'] }, client: ok },
  },
  {
    name: 'lines of one name keep their order',
    rfc: 'RFC 9110 §5.3 ¶ 2',
    client: get('X-A: 1', 'X-B: 2', 'X-A: 3'),
    expect: {
      upstream: {
        head: [
          ...['host: shop.example', 'x-a: 1', 'x-a: 3', 'x-b: 2', 'via: 1.1 windrose'],
          ...['x-request-id: *', 'traceparent: *', 'x-forwarded-for: 127.0.0.1'],
          ...['x-forwarded-host: shop.example', 'x-forwarded-proto: http'],
          'forwarded: for=127.0.0.1;host=shop.example;proto=http',
        ],
      },
      client: ok,
    },
  },
  {
    name: 'every character that a name may have',
    rfc: 'RFC 9110 §5.6.2 ¶ 2',
    client: get("X!#$%&'*+-.^`|~9: a"),
    expect: { upstream: { has: ["x!#$%&'*+-.^`|~9: a"] }, client: ok },
  },
  {
    name: 'the lines of Set-Cookie are never joined',
    rfc: 'RFC 9110 §5.3 ¶ 4',
    client: get(),
    upstream: okWith('Set-Cookie: a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'Set-Cookie: b=2'),
    expect: {
      client: {
        status: 200,
        has: ['set-cookie: a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'set-cookie: b=2'],
      },
    },
  },
  {
    name: 'fields that nobody knows are passed on both ways',
    rfc: 'RFC 9110 §5.1 ¶ 3',
    client: get('Unheard-Of: 1'),
    upstream: okWith('Never-Seen: 2'),
    expect: {
      upstream: { has: ['unheard-of: 1'] },
      client: { status: 200, has: ['never-seen: 2'], body: 'ok' },
    },
  },
  {
    name: 'obs-text and whitespace in an answer',
    rfc: 'RFC 9110 §5.5 ¶ 4',
    client: get(),
    upstream: okWith('X-A:\t caf\xe9\tb \t', 'X-B:'),
    expect: { client: { status: 200, has: ['x-a: caf\xe9\tb', 'x-b: '], body: 'ok' } },
  },
  {
    name: 'an underscore in an answer',
    rfc: 'RFC 9110 §5.1 ¶ 2',
    client: get(),
    upstream: okWith('X_A: b'),
    expect: { client: { status: 200, has: ['x_a: b'], body: 'ok' } },
  },
  {
    name: 'a name of JavaScript’s own is a name like any other',
    rfc: 'RFC 9110 §5.1 ¶ 2',
    client: get('constructor: a', 'toString: b'),
    upstream: okWith('valueOf: c'),
    expect: {
      upstream: { has: ['constructor: a', 'tostring: b'] },
      client: { status: 200, has: ['valueof: c'] },
    },
  },
  {
    name: 'a date that is no date is passed on',
    rfc: 'RFC 9110 §5.5 ¶ 1',
    client: `${head('GET /', 'If-Modified-Since: yesterday')}`,
    upstream: answer('304 Not Modified', [lines('ETag: "1"').trimEnd()]),
    expect: {
      upstream: { has: ['if-modified-since: yesterday'] },
      client: { status: 304, has: ['etag: "1"'] },
    },
  },
];

conform('fields', [
  ...refusals(REFUSED),
  ...FORWARDED.map(([name, rfc, field, seen]): Case => ({
    ...{ name, rfc, client: get(field) },
    expect: { upstream: { has: [seen] }, client: ok },
  })),
  ...badAnswers(BAD),
  ...MORE,
]);

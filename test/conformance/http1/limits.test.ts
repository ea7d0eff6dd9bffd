import { type Case, answer, badAnswers, chunked, get, head, ok, okWith, refusals } from './case.ts';
import { CUT, type Row, lines, own } from './case.ts';
import { conform } from './run.ts';

const LINE_BYTES = 8 * 1024;
const HEAD_BYTES = 64 * 1024;
const FIELDS = 100;

/** A request line of so many bytes, without its line end. */
const lineOf = (bytes: number): string => {
  const rest = 'GET / HTTP/1.1'.length;
  return `/${'a'.repeat(bytes - rest)}`;
};
/** So many fields, beside Host. */
const fields = (count: number): string[] => Array.from({ length: count }, (_, at) => `X-${at}: a`);
const large = (bytes: number): string => `X-A: ${'a'.repeat(bytes)}`;

const REFUSED: readonly Row[] = [
  ['a line of more than 8 KiB', 'RFC 9112 §3 ¶ 5', head(`GET ${lineOf(LINE_BYTES + 3)}`), 414],
  ['a line of 32 KiB', 'RFC 9110 §15.5.15 ¶ 1', head(`GET ${lineOf(32 * 1024)}`), 414],
  ['a long query', 'RFC 9110 §4.1 ¶ 5', head(`GET /?${'a'.repeat(LINE_BYTES)}`), 414],
  ['a line without end', 'RFC 9112 §3 ¶ 5', `GET /${'a'.repeat(9_000)}`, 414],
  ['a long method', 'RFC 9112 §3 ¶ 4', head(`${'A'.repeat(9_000)} /`), 414],
  ['a method without end', 'RFC 9112 §3 ¶ 4', 'A'.repeat(70_000), 414],
  ['a head of more than 64 KiB', 'RFC 6585 §5 ¶ 1', get(large(HEAD_BYTES)), 431],
  ['many fields that are too much', 'RFC 9110 §5.4 ¶ 2', get(...many(90, 1_000)), 431],
  ['a field without end', 'RFC 6585 §5 ¶ 2', `GET / HTTP/1.1\r\nX: ${'a'.repeat(70_000)}`, 431],
  ['a name without end', 'RFC 6585 §5 ¶ 2', `GET / HTTP/1.1\r\n${'a'.repeat(70_000)}`, 431],
  ['101 fields', 'RFC 6585 §5 ¶ 1', get(...fields(FIELDS)), 431],
  ['2,000 fields', 'RFC 6585 §5 ¶ 1', get(...fields(2_000)), 431],
  [
    '101 fields of one name',
    'RFC 6585 §5 ¶ 1',
    get(...Array.from({ length: FIELDS }, () => 'X: a')),
    431,
  ],
];

function many(count: number, bytes: number): string[] {
  return Array.from({ length: count }, (_, at) => `X-${at}: ${'a'.repeat(bytes)}`);
}

const WITHIN: readonly Case[] = [
  {
    name: 'a line of 8 KiB, with its line end',
    rfc: 'RFC 9112 §3 ¶ 5',
    client: head(`GET ${lineOf(LINE_BYTES - 2)}`),
    expect: {
      upstream: { line: `GET ${lineOf(LINE_BYTES - 2)} HTTP/1.1` },
      client: ok,
    },
  },
  {
    name: 'a head of almost 64 KiB in one field',
    rfc: 'RFC 9110 §5.4 ¶ 1',
    client: get(large(65_000)),
    expect: { upstream: { has: [large(65_000).replace('X-A', 'x-a')] }, client: ok },
  },
  {
    name: 'a head of almost 64 KiB in many fields',
    rfc: 'RFC 9110 §5.4 ¶ 1',
    client: get(...many(64, 1_000)),
    expect: { upstream: { has: [`x-63: ${'a'.repeat(1_000)}`] }, client: ok },
  },
  {
    name: 'a large head in many reads',
    rfc: 'RFC 9112 §2.2 ¶ 1',
    client: [
      'GET / HTTP/1.1\r\nHost: shop.example\r\n',
      ...many(20, 500).flatMap((each) => [each, CUT, '\r\n']),
      '\r\n',
    ],
    expect: { upstream: { has: [`x-19: ${'a'.repeat(500)}`] }, client: ok },
  },
  {
    name: '100 fields',
    rfc: 'RFC 9110 §5.4 ¶ 1',
    client: get(...fields(FIELDS - 1)),
    expect: { upstream: { has: [`x-${FIELDS - 2}: a`] }, client: ok },
  },
  {
    name: '100 fields of a request are counted anew for the next',
    rfc: 'RFC 9112 §9.3 ¶ 1',
    client: get(...fields(90)) + get(...fields(90)),
    expect: { upstream: [{}, { has: ['x-89: a'] }], client: [ok, ok] },
  },
  {
    name: 'an answer with 90 fields',
    rfc: 'RFC 9110 §5.4 ¶ 1',
    client: get(),
    upstream: okWith(...fields(90)),
    expect: { client: { ...ok, has: ['x-89: a'] } },
  },
  {
    name: 'an answer with a head of almost 64 KiB',
    rfc: 'RFC 9110 §5.4 ¶ 1',
    client: get(),
    upstream: okWith(large(60_000)),
    expect: { client: { ...ok, has: [large(60_000).replace('X-A', 'x-a')] } },
  },
  {
    name: 'trailers of more than 64 KiB',
    rfc: 'RFC 9112 §7.1.2 ¶ 1',
    client: chunked(`0\r\n${lines(...many(70, 1_000))}\r\n`),
    expect: {
      upstream: 'nothing whole',
      client: { status: [400, 431], has: ['connection: close'] },
      closed: true,
    },
  },
  {
    name: 'trailers of 2,000 fields',
    rfc: 'RFC 9112 §7.1.2 ¶ 1',
    client: chunked(`0\r\n${lines(...fields(2_000))}\r\n`),
    expect: {
      upstream: 'nothing whole',
      client: { status: [400, 431], has: ['connection: close'] },
      closed: true,
    },
  },
  {
    name: 'a chunk of 1 byte, a thousand times',
    rfc: 'RFC 9112 §7.1 ¶ 7',
    client: chunked(`${'1\r\na\r\n'.repeat(1_000)}0\r\n\r\n`),
    expect: { upstream: { body: 'a'.repeat(1_000) }, client: ok },
  },
  {
    name: 'a body that is longer than its head’s limit',
    rfc: 'RFC 9112 §6.2 ¶ 2',
    client: chunked(`${(200_000).toString(16)}\r\n${'a'.repeat(200_000)}\r\n0\r\n\r\n`),
    expect: { upstream: { body: /^a{200000}$/ }, client: ok },
  },
  {
    name: 'a refused head answers before the whole of it was sent',
    rfc: 'RFC 6585 §5 ¶ 1',
    client: [`GET / HTTP/1.1\r\n${lines('Host: shop.example', large(70_000))}`, CUT],
    expect: { upstream: 'nothing', client: own(431, 'connection: close'), closed: true },
  },
];

conform('limits', [
  ...refusals(REFUSED),
  ...WITHIN,
  ...badAnswers([
    ['an answer’s head of more than 64 KiB', 'RFC 9110 §5.4 ¶ 3', okWith(large(70_000))],
    ['an answer’s head of many fields', 'RFC 9110 §5.4 ¶ 3', okWith(...many(90, 1_000))],
    ['an answer’s reason without end', 'RFC 9112 §4 ¶ 6', answer(`200 ${'a'.repeat(70_000)}`, [])],
  ]),
]);

import { type Case, CUT, type Row, answer, chunked, get, head, lines, ok } from './case.ts';
import { LET_GO, okWith, own, post, refusals, until } from './case.ts';
import { conform } from './run.ts';

/** What an attacker wants the upstream, or the next client, to see. */
const EVIL = head('GET /smuggled');
const LAST = '0\r\n\r\n';
const both = (...fields: readonly string[]): string => post(fields, LAST + EVIL);

const REFUSED: readonly Row[] = [
  ['CL.TE', 'RFC 9112 §11.2 ¶ 1', both('Content-Length: 6', 'Transfer-Encoding: chunked')],
  ['TE.CL', 'RFC 9112 §11.2 ¶ 1', both('Transfer-Encoding: chunked', 'Content-Length: 4')],
  ['CL.0', 'RFC 9112 §11.2 ¶ 1', both('Content-Length: 0', 'Transfer-Encoding: chunked')],
  ['TE.TE', 'RFC 9112 §11.2 ¶ 1', both('Transfer-Encoding: chunked', 'Transfer-Encoding: cow')],
  [
    'TE.TE, the other way',
    'RFC 9112 §11.2 ¶ 1',
    both('Transfer-Encoding: x', 'Transfer-Encoding: chunked'),
  ],
  ['CL.CL', 'RFC 9112 §6.3 ¶ 2.5', both('Content-Length: 5', `Content-Length: ${EVIL.length + 5}`)],
  ['TE behind a space', 'RFC 9112 §5.1 ¶ 2', both('Transfer-Encoding : chunked')],
  ['TE behind a tab', 'RFC 9112 §5.1 ¶ 2', both('Transfer-Encoding\t: chunked')],
  ['TE with a space in front', 'RFC 9112 §5.2 ¶ 3', both('X: y', ' Transfer-Encoding: chunked')],
  ['TE folded', 'RFC 9112 §5.2 ¶ 3', both('Transfer-Encoding:', ' chunked')],
  ['TE behind a bare LF', 'RFC 9112 §2.2 ¶ 3', both('X: y\nTransfer-Encoding: chunked')],
  ['TE behind a bare CR', 'RFC 9112 §2.2 ¶ 4', both('X: y\rTransfer-Encoding: chunked')],
  ['TE behind NUL', 'RFC 9110 §5.5 ¶ 5', both('Transfer-Encoding: \0chunked')],
  ['TE behind a vertical tab', 'RFC 9110 §5.5 ¶ 5', both('Transfer-Encoding: \x0bchunked')],
  ['TE with NEL', 'RFC 9112 §6.1 ¶ 1', both('Transfer-Encoding: \x85chunked')],
  ['TE with obs-text behind it', 'RFC 9112 §6.1 ¶ 1', both('Transfer-Encoding: chunked\xa0')],
  ['TE with a quote', 'RFC 9112 §6.1 ¶ 1', both('Transfer-Encoding: "chunked"')],
  ['TE with a semicolon', 'RFC 9112 §6.1 ¶ 1', both('Transfer-Encoding: chunked;')],
  [
    'TE with identity in front',
    'RFC 9112 §6.3 ¶ 2.4',
    both('Transfer-Encoding: identity, chunked'),
  ],
  ['TE with an underscore', 'RFC 9110 §17.10 ¶ 2', both('Transfer_Encoding: chunked')],
  ['CL with an underscore', 'RFC 9110 §17.10 ¶ 2', both('Content_Length: 5')],
  ['CL behind a space', 'RFC 9112 §5.1 ¶ 2', both('Content-Length : 5')],
  ['CL with a plus', 'RFC 9112 §6.3 ¶ 2.5', both('Content-Length: +5')],
  ['CL with a comma', 'RFC 9112 §6.3 ¶ 2.5', both('Content-Length: 5,')],
  ['CL with a vertical tab', 'RFC 9110 §5.5 ¶ 5', both('Content-Length: 5\x0b')],
  ['CL with NUL', 'RFC 9110 §5.5 ¶ 5', both('Content-Length: 5\0')],
  [
    'CL that Connection takes away',
    'RFC 9110 §7.6.1 ¶ 8',
    both('Content-Length: 5', 'Connection: content-length'),
  ],
  ['a line end in the target', 'RFC 9112 §11.1 ¶ 1', `GET /a\r\nX: y HTTP/1.1\r\nHost: a\r\n\r\n`],
  ['a request behind one without Host', 'RFC 9112 §11.1 ¶ 1', `GET / HTTP/1.1\r\n\r\n${EVIL}`],
  [
    'a request in a folded field',
    'RFC 9112 §5.2 ¶ 3',
    `GET / HTTP/1.1\r\n${lines('Host: a', 'X: y', ' GET /smuggled HTTP/1.1')}\r\n`,
  ],
  [
    'a Host in the absolute form and another',
    'RFC 9112 §3.2.2 ¶ 7',
    head('GET http://evil.example/'),
  ],
];

/** Chunks that two readers could cut differently; the first bytes are a good head. */
const CHUNKS: readonly [name: string, rfc: string, body: string][] = [
  ['a bare LF in an extension', 'RFC 9112 §7.1.1 ¶ 1', `5;\nxx\r\nhello\r\n${LAST}${EVIL}`],
  ['a bare CR in an extension', 'RFC 9112 §7.1.1 ¶ 1', `5;\rxx\r\nhello\r\n${LAST}${EVIL}`],
  ['a bare LF behind the size', 'RFC 9112 §7.1 ¶ 3', `5\nhello\r\n${LAST}${EVIL}`],
  ['two bytes for a line end', 'RFC 9112 §7.1 ¶ 3', `5\r\nhelloXX${LAST}${EVIL}`],
  [
    'a size of 64 bits and more',
    'RFC 9112 §7.1 ¶ 7',
    `10000000000000005\r\nhello\r\n${LAST}${EVIL}`,
  ],
  ['a size with 0x', 'RFC 9112 §7.1 ¶ 3', `0x5\r\nhello\r\n${LAST}${EVIL}`],
  ['a size in other digits', 'RFC 9112 §7.1 ¶ 3', `\xb2\r\nhi\r\n${LAST}${EVIL}`],
  ['a size with an underscore', 'RFC 9112 §7.1 ¶ 3', `0_5\r\nhello\r\n${LAST}${EVIL}`],
  ['a size with spaces', 'RFC 9112 §7.1 ¶ 3', `5  \r\nhello\r\n${LAST}${EVIL}`],
  ['a last chunk with a bare LF', 'RFC 9112 §7.1 ¶ 3', `5\r\nhello\r\n0\n\n${EVIL}`],
  ['a last chunk with CR alone', 'RFC 9112 §7.1 ¶ 3', `5\r\nhello\r\n0\r\n\rX${EVIL}`],
  ['a request in a trailer', 'RFC 9112 §7.1.2 ¶ 1', `0\r\nGET /smuggled HTTP/1.1\r\n\r\n`],
];

const HIDDEN: readonly Case[] = [
  {
    name: 'a request in a body with a length is a body',
    rfc: 'RFC 9112 §11.2 ¶ 1',
    client: post([`Content-Length: ${EVIL.length}`], EVIL),
    expect: { upstream: { line: 'POST / HTTP/1.1', body: EVIL }, client: ok },
  },
  {
    name: 'a request in a chunk is a body',
    rfc: 'RFC 9112 §11.2 ¶ 1',
    client: chunked(`${EVIL.length.toString(16)}\r\n${EVIL}\r\n${LAST}`),
    expect: { upstream: { line: 'POST / HTTP/1.1', body: EVIL }, client: ok },
  },
  {
    name: 'a request in the body of a GET is a body',
    rfc: 'RFC 9112 §11.2 ¶ 1',
    client: `${get(`Content-Length: ${EVIL.length}`)}${EVIL}`,
    expect: { upstream: { line: 'GET / HTTP/1.1', body: EVIL }, client: ok },
  },
  {
    name: 'a request in the body of a HEAD is a body',
    rfc: 'RFC 9112 §11.2 ¶ 1',
    client: `${head('HEAD /', `Content-Length: ${EVIL.length}`)}${EVIL}`,
    upstream: answer('200 OK', ['Content-Length: 2']),
    expect: { upstream: { body: EVIL }, client: { status: 200, bodyless: true } },
  },
  {
    name: 'a method override changes nothing',
    rfc: 'RFC 9110 §9.1 ¶ 5',
    client: get('X-HTTP-Method-Override: DELETE'),
    expect: { upstream: { line: 'GET / HTTP/1.1' }, client: ok },
  },
  {
    name: 'an upstream’s answer behind the answer to HEAD goes to nobody',
    rfc: 'RFC 9112 §11.1 ¶ 1',
    client: head('HEAD /') + get(),
    upstream: [[answer('200 OK', ['Content-Length: 30'], okWith('X-Evil: 1'))], [okWith()]],
    expect: {
      client: [
        { status: 200, bodyless: true },
        { ...ok, lacks: ['x-evil'] },
      ],
    },
  },
  {
    name: 'an upstream’s second answer goes to nobody',
    rfc: 'RFC 9112 §11.1 ¶ 1',
    client: get() + get('X-A: b'),
    upstream: [[okWith() + okWith('X-Evil: 1')], [okWith()]],
    expect: { client: [ok, { ...ok, lacks: ['x-evil'] }] },
  },
  {
    name: 'an upstream’s answer that comes unasked goes to nobody',
    rfc: 'RFC 9112 §9.2 ¶ 2',
    client: [get(), until('\r\n\r\nok'), LET_GO, get('X-A: b')],
    upstream: [[okWith(), CUT, okWith('X-Evil: 1')], [okWith()]],
    expect: { client: [ok, { ...ok, lacks: ['x-evil'] }] },
  },
];

conform('smuggling', [
  ...refusals(REFUSED),
  ...CHUNKS.map(([name, rfc, body]): Case => ({
    ...{ name: `in chunks: ${name}`, rfc, client: chunked(body) },
    expect: {
      upstream: 'nothing whole',
      client: own(400, 'connection: close'),
      closed: true,
    },
  })),
  ...HIDDEN,
]);

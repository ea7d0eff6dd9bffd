import { type Case, CUT, type Row, answer, bare, get, ok, own, post, refusals } from './case.ts';
import { head, okWith, until } from './case.ts';
import { conform } from './run.ts';
import { PATHS, VOID_HOST } from './world.ts';

const WAITING = post(['Expect: 100-continue', 'Content-Length: 5']);

const REFUSED: readonly Row[] = [
  ['another expectation', 'RFC 9110 §10.1.1 ¶ 4', get('Expect: 200-ok'), 417],
  ['two expectations', 'RFC 9110 §10.1.1 ¶ 4', get('Expect: 100-continue, x'), 417],
  ['two lines', 'RFC 9110 §10.1.1 ¶ 4', get('Expect: 100-continue', 'Expect: x'), 417],
  ['an expectation with a parameter', 'RFC 9110 §10.1.1 ¶ 4', get('Expect: 100-continue;a=b'), 417],
];

const CASES: readonly Case[] = [
  {
    name: 'the proxy says to go on, and does not ask upstream',
    rfc: 'RFC 9110 §10.1.1 ¶ 13',
    client: [WAITING, until('HTTP/1.1 100 Continue\r\n\r\n'), 'hello'],
    expect: {
      upstream: { body: 'hello', lacks: ['expect'] },
      client: [{ status: 100, line: 'HTTP/1.1 100 Continue' }, ok],
    },
  },
  {
    name: 'chunks that wait',
    rfc: 'RFC 9110 §10.1.1 ¶ 13',
    client: [
      post(['Expect: 100-continue', 'Transfer-Encoding: chunked']),
      until('100 Continue\r\n\r\n'),
      '5\r\nhello\r\n0\r\n\r\n',
    ],
    expect: { upstream: { framing: 'chunked', body: 'hello' }, client: [{ status: 100 }, ok] },
  },
  {
    name: 'in capitals',
    rfc: 'RFC 9110 §10.1.1 ¶ 2',
    client: [
      post(['Expect: 100-Continue', 'Content-Length: 5']),
      until('100 Continue\r\n\r\n'),
      'hello',
    ],
    expect: { upstream: { body: 'hello' }, client: [{ status: 100 }, ok] },
  },
  {
    name: 'a client that does not wait',
    rfc: 'RFC 9110 §10.1.1 ¶ 11.2',
    client: `${WAITING}hello`,
    expect: { upstream: { body: 'hello' }, client: ok, mayContinue: true },
  },
  {
    name: 'a request without a body',
    rfc: 'RFC 9110 §10.1.1 ¶ 11.2',
    client: get('Expect: 100-continue'),
    expect: { upstream: { lacks: ['expect'] }, client: ok, mayContinue: true },
  },
  {
    name: 'HTTP/1.0: there is nothing to expect',
    rfc: 'RFC 9110 §10.1.1 ¶ 11.1',
    client: [
      bare(
        ...['POST / HTTP/1.0', 'Host: shop.example', 'Expect: 100-continue', 'Content-Length: 5'],
      ),
      CUT,
      'hello',
    ],
    expect: { upstream: { body: 'hello', lacks: ['expect'] }, client: ok, closed: true },
  },
  {
    name: 'a client that expects nothing gets no 100, whatever the upstream says',
    rfc: 'RFC 9110 §15.2.1 ¶ 3',
    client: post(['Content-Length: 5'], 'hello'),
    upstream: answer('100 Continue', []) + okWith(),
    expect: { client: ok },
  },
  {
    name: 'a refused request is not told to go on: bad target',
    rfc: 'RFC 9110 §10.1.1 ¶ 14',
    client: head('POST /a%00', 'Expect: 100-continue', 'Content-Length: 5'),
    expect: { upstream: 'nothing', client: own(400, 'connection: close'), closed: true },
  },
  {
    name: 'a refused request is not told to go on: bad framing',
    rfc: 'RFC 9110 §10.1.1 ¶ 14',
    client: post(['Expect: 100-continue', 'Content-Length: x']),
    expect: { upstream: 'nothing', client: own(400, 'connection: close'), closed: true },
  },
  {
    name: 'a refused request is not told to go on: no route',
    rfc: 'RFC 9110 §10.1.1 ¶ 14',
    client: bare(
      ...['POST / HTTP/1.1', `Host: ${VOID_HOST}`, 'Expect: 100-continue', 'Content-Length: 5'],
    ),
    expect: { upstream: 'nothing', client: own(404), closed: 'either' },
  },
  {
    name: 'a request that cannot be forwarded is not told to go on',
    rfc: 'RFC 9110 §10.1.1 ¶ 14',
    client: head(`POST ${PATHS.refused}`, 'Expect: 100-continue', 'Content-Length: 5'),
    expect: { upstream: 'nothing', client: own(503), closed: 'either' },
  },
];

conform('Expect', [...refusals(REFUSED), ...CASES]);

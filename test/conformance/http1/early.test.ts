import { type Case, CUT, type Script, type Step, answer, chunked, okWith, own } from './case.ts';
import { END, RESET, head, ok, post, until } from './case.ts';
import { conform } from './run.ts';
import { VOID_HOST } from './world.ts';

const early = (...steps: readonly Step[]): Script => ({ on: 'head', steps });
const NO = answer('413 Content Too Large', ['Content-Length: 2'], 'no');

const CASES: readonly Case[] = [
  {
    name: 'an answer before the body has come is passed on, and both connections end',
    rfc: 'RFC 9112 §9.3 ¶ 7',
    client: [post(['Content-Length: 1000'], 'some'), until('\r\n\r\nno')],
    upstream: early(NO),
    expect: {
      upstream: { aborted: true },
      client: { status: 413, body: 'no' },
      ...{ closed: true, upstreamClosed: true },
    },
  },
  {
    name: 'the same with chunks',
    rfc: 'RFC 9112 §9.3 ¶ 7',
    client: [chunked('4\r\nsome\r\n'), until('\r\n\r\nno')],
    upstream: early(NO),
    expect: {
      upstream: { aborted: true },
      client: { status: 413, body: 'no' },
      ...{ closed: true, upstreamClosed: true },
    },
  },
  {
    name: 'the same, and the upstream closes at once',
    rfc: 'RFC 9112 §9.5 ¶ 4',
    client: [post(['Content-Length: 1000'], 'some'), until('\r\n\r\nno')],
    upstream: early(answer('413 No', ['Content-Length: 2', 'Connection: close'], 'no'), END),
    expect: { client: { status: 413, body: 'no' }, closed: true, upstreamClosed: true },
  },
  {
    name: 'an answer in chunks before the body has come',
    rfc: 'RFC 9112 §9.3 ¶ 7',
    client: [post(['Content-Length: 1000'], 'some'), until('0\r\n\r\n')],
    upstream: early(answer('400 No', ['Transfer-Encoding: chunked'], '2\r\nno\r\n0\r\n\r\n')),
    expect: { client: { status: 400, body: 'no' }, closed: true, upstreamClosed: true },
  },
  {
    name: 'a head before the body, the rest behind it: both connections go on',
    rfc: 'RFC 9112 §9.3 ¶ 7',
    client: [post(['Content-Length: 5'], 'he'), until('\r\n\r\n'), 'llo'],
    upstream: early(answer('200 OK', ['Content-Length: 2']), until('hello'), 'ok'),
    expect: { upstream: { body: 'hello' }, client: ok, upstreamClosed: false },
  },
  {
    name: 'bodies that go both ways at once',
    rfc: 'RFC 9112 §9.3 ¶ 7',
    client: [chunked('1\r\na\r\n'), until('A'), '1\r\nb\r\n', until('B'), '0\r\n\r\n'],
    upstream: early(
      ...[until('a'), answer('200 OK', ['Transfer-Encoding: chunked'], '1\r\nA\r\n'), until('b')],
      ...['1\r\nB\r\n', until('0\r\n\r\n'), '0\r\n\r\n'],
    ),
    expect: {
      upstream: { body: 'ab' },
      client: { status: 200, body: 'AB' },
      upstreamClosed: false,
    },
  },
  {
    name: 'a refused body that is on its way is not taken for a request',
    rfc: 'RFC 9112 §11.2 ¶ 4',
    client: `${head('POST /a%00', 'Content-Length: 40')}${head('GET /smuggled')}`,
    expect: { upstream: 'nothing', client: own(400), closed: true },
  },
  {
    name: 'an answer of the proxy to a long body that does not come: the connection ends',
    rfc: 'RFC 9112 §9.3 ¶ 7',
    client:
      `POST / HTTP/1.1\r\nHost: ${VOID_HOST}\r\nContent-Length: 100000000\r\n\r\n` +
      head('GET /smuggled'),
    expect: { upstream: 'nothing', client: own(404, 'connection: close'), closed: true },
  },
  {
    name: 'the client goes within its body: the upstream never gets a whole one',
    rfc: 'RFC 9112 §8 ¶ 4',
    client: [chunked('4\r\nsome\r\n'), CUT, RESET],
    upstream: early(CUT),
    expect: { upstream: 'nothing whole', client: 'whatever', closed: true },
  },
  {
    name: 'the client goes before the answer: the upstream’s connection is let go',
    rfc: 'RFC 9112 §9.5 ¶ 3',
    client: [head('GET /gone'), CUT, RESET],
    upstream: [CUT, CUT],
    expect: { client: 'whatever', closed: true, upstreamClosed: true },
  },
  {
    name: 'an answer before the whole head: no question, no answer',
    rfc: 'RFC 9112 §9.2 ¶ 2',
    client: ['POST / HTTP/1.1\r\nHost: shop.example\r\n', CUT, 'Content-Length: 0\r\n\r\n'],
    upstream: okWith('X-A: b'),
    expect: { client: { ...ok, has: ['x-a: b'] } },
  },
];

conform('early answers', CASES);

import { type Case, CUT, END, type Seen, answer, bare, chunked, get, head, ok } from './case.ts';
import { OK, lines, okWith, own, post, until } from './case.ts';
import { conform } from './run.ts';
import { VOID_HOST } from './world.ts';

const old = (...fields: readonly string[]): string =>
  bare('GET / HTTP/1.0', 'Host: shop.example', ...fields);
const seen = (path: string): Seen => ({ line: `GET ${path} HTTP/1.1` });
const said = (text: string): string => answer('200 OK', [`Content-Length: ${text.length}`], text);

const KEPT: readonly Case[] = [
  {
    name: 'HTTP/1.1 is kept',
    rfc: 'RFC 9112 §9.3 ¶ 2.2',
    client: get(),
    expect: { client: { ...ok, lacks: ['proxy-connection'] }, upstreamClosed: false },
  },
  {
    name: 'HTTP/1.1 that says keep-alive is kept',
    rfc: 'RFC 9112 §9.3 ¶ 2.2',
    client: get('Connection: keep-alive'),
    expect: { client: ok },
  },
  {
    name: 'HTTP/1.1 that says close is closed, and the answer says so',
    rfc: 'RFC 9112 §9.6 ¶ 3',
    client: get('Connection: close'),
    expect: { client: { ...ok, has: ['connection: close'] }, closed: true },
  },
  {
    name: 'close in capitals and in a list',
    rfc: 'RFC 9110 §7.6.1 ¶ 5',
    client: get('Connection: x-a , CLOSE'),
    expect: { client: { ...ok, has: ['connection: close'] }, closed: true },
  },
  {
    name: 'close in the second of two lines',
    rfc: 'RFC 9110 §5.3 ¶ 2',
    client: get('Connection: x-a', 'Connection: close'),
    expect: { client: { ...ok, has: ['connection: close'] }, closed: true },
  },
  {
    name: 'close wins over keep-alive',
    rfc: 'RFC 9112 §9.3 ¶ 2.1',
    client: get('Connection: keep-alive, close'),
    expect: { client: { ...ok, has: ['connection: close'] }, closed: true },
  },
  {
    name: 'a request behind close is never read',
    rfc: 'RFC 9112 §9.6 ¶ 3',
    client: head('GET /a', 'Connection: close') + head('GET /b'),
    expect: { upstream: seen('/a'), client: ok, closed: true },
  },
  {
    name: 'HTTP/1.0 is closed',
    rfc: 'RFC 9112 §9.3 ¶ 2.4',
    client: old(),
    expect: { client: { ...ok, line: 'HTTP/1.1 200 OK' }, closed: true },
  },
  {
    name: 'HTTP/1.0 that says keep-alive is kept, and the answer says so',
    rfc: 'RFC 9112 §9.3 ¶ 2.3',
    client: old('Connection: Keep-Alive'),
    expect: { client: { ...ok, has: ['connection: keep-alive'] } },
  },
  {
    name: 'HTTP/1.0 that says Proxy-Connection is closed',
    rfc: 'RFC 9112 §C.2.2 ¶ 3',
    client: old('Proxy-Connection: keep-alive'),
    expect: { upstream: { lacks: ['proxy-connection'] }, client: ok, closed: true },
  },
  {
    name: 'what HTTP/1.0 says of its connection is not said upstream',
    rfc: 'RFC 9110 §7.6.1 ¶ 4',
    client: old('Connection: keep-alive', 'Keep-Alive: timeout=5'),
    expect: { upstream: { lacks: ['keep-alive'] }, client: ok },
  },
  {
    name: 'an answer of the proxy that refuses nothing of the framing leaves it open',
    rfc: 'RFC 9112 §9.3 ¶ 1',
    client: bare('GET / HTTP/1.1', `Host: ${VOID_HOST}`),
    expect: { upstream: 'nothing', client: own(404) },
  },
  {
    name: 'an answer of the proxy to a request with a body leaves it in step',
    rfc: 'RFC 9112 §9.3 ¶ 7',
    client: `${bare('POST / HTTP/1.1', `Host: ${VOID_HOST}`, 'Content-Length: 5')}hello`,
    expect: { upstream: 'nothing', client: own(404) },
  },
  {
    name: 'an answer to HEAD leaves it in step',
    rfc: 'RFC 9112 §6.3 ¶ 2.1',
    client: bare('HEAD / HTTP/1.1', `Host: ${VOID_HOST}`),
    expect: { upstream: 'nothing', client: { status: 404, bodyless: true } },
  },
  {
    name: 'that the upstream closes does not close the client’s',
    rfc: 'RFC 9110 §7.6.1 ¶ 3',
    client: get(),
    upstream: [okWith('Connection: close'), END],
    expect: { client: ok },
  },
  {
    name: 'that the client closes does not close the upstream’s',
    rfc: 'RFC 9110 §7.6.1 ¶ 3',
    client: get('Connection: close'),
    expect: { upstream: { lacks: ['close'], head: HEAD() }, client: ok, closed: true },
  },
];

function HEAD(): string[] {
  return [
    ...['host: shop.example', 'via: 1.1 windrose', 'x-request-id: *', 'traceparent: *'],
    ...['x-forwarded-for: 127.0.0.1', 'x-forwarded-host: shop.example', 'x-forwarded-proto: http'],
    'forwarded: for=127.0.0.1;host=shop.example;proto=http',
  ];
}

const PIPELINED: readonly Case[] = [
  {
    name: 'three requests at once are answered in their order',
    rfc: 'RFC 9112 §9.3.2 ¶ 2',
    client: head('GET /a') + head('GET /b') + head('GET /c'),
    upstream: [[said('a')], [said('b')], [said('c')]],
    expect: {
      upstream: [seen('/a'), seen('/b'), seen('/c')],
      client: [
        { status: 200, body: 'a' },
        { status: 200, body: 'b' },
        { status: 200, body: 'c' },
      ],
    },
  },
  {
    name: 'the second waits until the first is answered',
    rfc: 'RFC 9112 §9.3.2 ¶ 3',
    client: head('GET /a') + head('GET /b'),
    upstream: [[answer('200 OK', ['Content-Length: 2']), CUT, 'o', CUT, 'k'], [said('b')]],
    expect: { upstream: [seen('/a'), seen('/b')], client: [ok, { status: 200, body: 'b' }] },
  },
  {
    name: 'bodies between them',
    rfc: 'RFC 9112 §9.3.2 ¶ 2',
    client: post(['Content-Length: 3'], 'one') + chunked('3\r\ntwo\r\n0\r\n\r\n') + get(),
    expect: {
      upstream: [{ body: 'one' }, { body: 'two' }, { line: 'GET / HTTP/1.1' }],
      client: [ok, ok, ok],
    },
  },
  {
    name: 'a request behind a refused one is never read',
    rfc: 'RFC 9112 §11.2 ¶ 4',
    client: head('GET /a%00') + head('GET /b'),
    expect: { upstream: 'nothing', client: own(400), closed: true },
  },
  {
    name: 'a good one before a refused one is answered first',
    rfc: 'RFC 9112 §9.3.2 ¶ 2',
    client: `${head('GET /a')}GET / HTTP/1.1\nHost: a\n\n${head('GET /b')}`,
    expect: {
      upstream: seen('/a'),
      client: [ok, own(400, 'connection: close')],
      closed: true,
    },
  },
  {
    name: 'an answer of the proxy between two of the upstream',
    rfc: 'RFC 9112 §9.3.2 ¶ 2',
    client: head('GET /a') + bare('GET / HTTP/1.1', `Host: ${VOID_HOST}`) + head('GET /c'),
    expect: { upstream: [seen('/a'), seen('/c')], client: [ok, own(404), ok] },
  },
  {
    name: 'HEAD between two GETs',
    rfc: 'RFC 9112 §9.2 ¶ 1',
    client: head('GET /a') + head('HEAD /b') + head('GET /c'),
    upstream: [[OK], [answer('200 OK', ['Content-Length: 2'])], [OK]],
    expect: { client: [ok, { status: 200, bodyless: true }, ok] },
  },
  {
    name: 'the upstream breaks off: what was pipelined behind it is not answered',
    rfc: 'RFC 9112 §9.3.2 ¶ 4',
    client: head('GET /a') + head('GET /b'),
    upstream: [[answer('200 OK', ['Content-Length: 9'], 'hello'), END]],
    expect: {
      upstream: seen('/a'),
      client: { status: 200, body: 'hello', aborted: true },
      closed: true,
    },
  },
];

const HALF_CLOSED: readonly Case[] = [
  {
    name: 'behind a whole request: it is answered',
    rfc: 'RFC 9112 §9.6 ¶ 8',
    client: [get(), END],
    upstream: [CUT, OK],
    expect: { upstream: seen('/'), client: ok, closed: true },
  },
  {
    name: 'behind two pipelined requests: both are answered',
    rfc: 'RFC 9112 §9.3.2 ¶ 2',
    client: [head('GET /a') + head('GET /b'), END],
    expect: { upstream: [seen('/a'), seen('/b')], client: [ok, ok], closed: true },
  },
  {
    name: 'behind a request with a body: it is answered',
    rfc: 'RFC 9112 §9.6 ¶ 8',
    client: [chunked('2\r\nhi\r\n0\r\n\r\n'), END],
    upstream: [CUT, OK],
    expect: { upstream: { body: 'hi' }, client: ok, closed: true },
  },
  {
    name: 'within a head: nothing goes upstream',
    rfc: 'RFC 9112 §8 ¶ 2',
    client: ['GET / HTTP/1.1\r\nHost: shop.exa', END],
    expect: { upstream: 'nothing', client: 'whatever', closed: true },
  },
  {
    name: 'behind the fields of a head, before its end: nothing goes upstream',
    rfc: 'RFC 9112 §8 ¶ 2',
    client: [`GET / HTTP/1.1\r\n${lines('Host: shop.example')}`, END],
    expect: { upstream: 'nothing', client: 'whatever', closed: true },
  },
  {
    name: 'within a body with a length: never a whole request',
    rfc: 'RFC 9112 §8 ¶ 4',
    client: [post(['Content-Length: 9'], 'hello'), END],
    expect: { upstream: 'nothing whole', client: 'whatever', closed: true },
  },
  {
    name: 'within chunks: never a whole request',
    rfc: 'RFC 9112 §8 ¶ 3',
    client: [chunked('5\r\nhello\r\n'), CUT, END],
    expect: { upstream: 'nothing whole', client: 'whatever', closed: true },
  },
  {
    name: 'within trailers: never a whole request',
    rfc: 'RFC 9112 §8 ¶ 3',
    client: [chunked('5\r\nhello\r\n0\r\nX: a'), CUT, END],
    expect: { upstream: 'nothing whole', client: 'whatever', closed: true },
  },
  {
    name: 'before anything was asked: nothing is answered',
    rfc: 'RFC 9112 §9.5 ¶ 2',
    client: [END],
    expect: { upstream: 'nothing', client: 'nothing', closed: true },
  },
  {
    name: 'after an answer: the connection ends',
    rfc: 'RFC 9112 §9.6 ¶ 8',
    client: [get(), until('\r\n\r\nok'), END],
    expect: { client: ok, closed: true },
  },
];

conform('connections', [
  ...KEPT,
  ...PIPELINED.map((each): Case => ({ ...each, name: `pipelined: ${each.name}` })),
  ...HALF_CLOSED.map((each): Case => ({ ...each, name: `half-closed: ${each.name}` })),
]);

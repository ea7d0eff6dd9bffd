import { type Case, CUT, END, RESET, type Script, answer, head, own, post } from './case.ts';
import { OK, bare, bytewise, get, until } from './case.ts';
import { conform } from './run.ts';
import { PATHS, VOID_HOST } from './world.ts';

/** How an upstream fails before its head is complete. */
const GONE: readonly [name: string, rfc: string, upstream: Script][] = [
  ['it closes without a word', 'RFC 9112 §8 ¶ 2', [END]],
  ['it resets without a word', 'RFC 9112 §8 ¶ 2', [RESET]],
  ['it closes within the status line', 'RFC 9112 §8 ¶ 2', ['HTTP/1.1 20', END]],
  ['it closes behind the status line', 'RFC 9112 §8 ¶ 2', ['HTTP/1.1 200 OK\r\n', END]],
  ['it closes within a field', 'RFC 9112 §8 ¶ 2', ['HTTP/1.1 200 OK\r\nContent-', END]],
  ['it resets within a field', 'RFC 9112 §8 ¶ 2', ['HTTP/1.1 200 OK\r\nContent-', CUT, RESET]],
  ['it closes before the last line end', 'RFC 9112 §8 ¶ 2', ['HTTP/1.1 200 OK\r\n\r', END]],
  ['it closes behind an interim answer', 'RFC 9112 §8 ¶ 2', [answer('100 Continue', []), END]],
];

const CASES: readonly Case[] = [
  {
    name: 'nobody listens at the upstream: 503',
    rfc: 'RFC 9110 §15.6.4 ¶ 1',
    client: head(`GET ${PATHS.refused}`),
    expect: { upstream: 'nothing', client: own(503) },
  },
  {
    name: 'nobody listens at the upstream, and there is a body: 503 and in step',
    rfc: 'RFC 9110 §15.6.4 ¶ 1',
    client: `${head(`POST ${PATHS.refused}`, 'Content-Length: 5')}hello`,
    expect: { upstream: 'nothing', client: own(503) },
  },
  {
    name: 'the service has no endpoint: 503',
    rfc: 'RFC 9110 §15.6.4 ¶ 1',
    client: head(`GET ${PATHS.empty}`),
    expect: { upstream: 'nothing', client: own(503) },
  },
  {
    name: 'HEAD gets the same status without the body',
    rfc: 'RFC 9110 §9.3.2 ¶ 1',
    client: head(`HEAD ${PATHS.empty}`),
    expect: {
      upstream: 'nothing',
      client: { status: 503, bodyless: true, has: [/^content-length: [1-9]/] },
    },
  },
  {
    name: 'the head does not come in time: 504, and the connection upstream is let go',
    rfc: 'RFC 9110 §15.6.5 ¶ 1',
    client: head(`GET ${PATHS.slow}`),
    upstream: [],
    expect: { client: own(504), upstreamClosed: true },
  },
  {
    name: 'half a head does not count as one: 504',
    rfc: 'RFC 9110 §15.6.5 ¶ 1',
    client: head(`GET ${PATHS.slow}`),
    upstream: 'HTTP/1.1 200 OK\r\n',
    expect: { client: own(504), upstreamClosed: true },
  },
  {
    name: 'an interim answer does not count as one: 504',
    rfc: 'RFC 9110 §15.2 ¶ 1',
    client: head(`GET ${PATHS.slow}`),
    upstream: answer('100 Continue', []),
    expect: { client: own(504), upstreamClosed: true },
  },
  {
    name: 'an answer that comes too late goes to nobody',
    rfc: 'RFC 9112 §9.2 ¶ 2',
    client: [head(`GET ${PATHS.slow}`), until('504 '), get('X-A: b')],
    upstream: [[], [OK]],
    expect: { client: [own(504), { status: 200, body: 'ok' }] },
  },
  {
    name: 'the time for all of it ends within the body: broken off',
    rfc: 'RFC 9112 §8 ¶ 4',
    client: head(`GET ${PATHS.deadline}`),
    upstream: answer('200 OK', ['Content-Length: 9'], 'hello'),
    expect: {
      client: { status: 200, body: 'hello', aborted: true },
      ...{ closed: true, upstreamClosed: true },
    },
  },
  {
    name: 'the time for all of it ends within the upload: 504, never a whole request',
    rfc: 'RFC 9110 §15.6.5 ¶ 1',
    client: head(`POST ${PATHS.deadline}`, 'Content-Length: 9'),
    expect: { upstream: 'nothing whole', client: own(504), closed: 'either' },
  },
  {
    name: 'no route: 404',
    rfc: 'RFC 9110 §15.5.5 ¶ 1',
    client: bare('GET /a HTTP/1.1', `Host: ${VOID_HOST}`),
    expect: { upstream: 'nothing', client: own(404) },
  },
  {
    name: 'a route that leads nowhere: 500',
    rfc: 'RFC 9110 §15.6.1 ¶ 1',
    client: head(`GET ${PATHS.nowhere}`),
    expect: { upstream: 'nothing', client: own(500) },
  },
  {
    name: 'an error of the upstream itself is passed on as it is',
    rfc: 'RFC 9110 §15.6 ¶ 1',
    client: get(),
    upstream: answer('503 Later', ['Retry-After: 5', 'Content-Length: 5'], 'later'),
    expect: {
      client: { status: 503, has: ['retry-after: 5'], lacks: ['server'], body: 'later' },
      upstreamClosed: false,
    },
  },
  {
    name: 'a redirect is passed on as it is',
    rfc: 'RFC 9110 §15.4 ¶ 1',
    client: get(),
    upstream: answer('302 Found', ['Location: http://other.example/', 'Content-Length: 0']),
    expect: { client: { status: 302, has: ['location: http://other.example/'] } },
  },
  {
    name: 'a partial answer is passed on as it is',
    rfc: 'RFC 9110 §15.3.7 ¶ 1',
    client: get('Range: bytes=0-1'),
    upstream: answer(
      '206 Partial Content',
      ['Content-Range: bytes 0-1/9', 'Content-Length: 2'],
      'he',
    ),
    expect: {
      upstream: { has: ['range: bytes=0-1'] },
      client: { status: 206, has: ['content-range: bytes 0-1/9'], body: 'he' },
    },
  },
  {
    name: 'a head of the upstream byte by byte is in time',
    rfc: 'RFC 9112 §2.2 ¶ 1',
    client: head('GET /dripping'),
    upstream: [bytewise(OK)],
    expect: { client: { status: 200, body: 'ok' }, upstreamClosed: false },
  },
];

conform('errors', [
  ...GONE.map(([name, rfc, upstream]): Case => ({
    ...{ name: `502: ${name}`, rfc, client: post(['Content-Length: 2'], 'hi'), upstream },
    expect: { client: own(502) },
  })),
  ...CASES,
]);

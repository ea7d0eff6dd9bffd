import { type Case, CUT, answer, badAnswers, bare, get, ok, okWith, post, until } from './case.ts';
import { conform } from './run.ts';

const HINTS = answer('103 Early Hints', ['Link: </a.css>; rel=preload']);

const CASES: readonly Case[] = [
  {
    name: '103 is passed on with its fields',
    rfc: 'RFC 9110 §15.2 ¶ 3',
    client: get(),
    upstream: HINTS + okWith(),
    expect: { client: [{ status: 103, has: ['link: </a.css>; rel=preload'] }, ok] },
  },
  {
    name: '103 is passed on before the final answer is there',
    rfc: 'RFC 9110 §15.2 ¶ 3',
    client: [get(), until('103 Early Hints'), get('X-A: b')],
    upstream: [[HINTS, CUT, CUT, okWith()], [okWith('X-B: c')]],
    expect: { client: [{ status: 103 }, ok, { ...ok, has: ['x-b: c'] }] },
  },
  {
    name: 'several, in their order',
    rfc: 'RFC 9110 §15.2 ¶ 2',
    client: get(),
    upstream: answer('102 Processing', []) + HINTS + answer('103 Early Hints', []) + okWith(),
    expect: { client: [{ status: 102 }, { status: 103 }, { status: 103, lacks: ['link'] }, ok] },
  },
  {
    name: 'one that nobody knows',
    rfc: 'RFC 9110 §15.2 ¶ 3',
    client: get(),
    upstream: answer('199 Whatever', ['X-A: b']) + okWith(),
    expect: { client: [{ status: 199, has: ['x-a: b'] }, ok] },
  },
  {
    name: 'before an answer without a body',
    rfc: 'RFC 9110 §15.2 ¶ 1',
    client: get(),
    upstream: HINTS + answer('304 Not Modified', []),
    expect: { client: [{ status: 103 }, { status: 304 }] },
  },
  {
    name: 'to a request with a body',
    rfc: 'RFC 9110 §15.2 ¶ 3',
    client: post(['Content-Length: 5'], 'hello'),
    upstream: HINTS + okWith(),
    expect: { upstream: { body: 'hello' }, client: [{ status: 103 }, ok] },
  },
  {
    name: 'HTTP/1.0 gets none',
    rfc: 'RFC 9110 §15.2 ¶ 1',
    client: bare('GET / HTTP/1.0', 'Host: shop.example'),
    upstream: HINTS + okWith(),
    expect: { client: ok, closed: true },
  },
  {
    name: '100 that nobody expects is not passed on',
    rfc: 'RFC 9110 §15.2 ¶ 3',
    client: get(),
    upstream: answer('100 Continue', []) + okWith(),
    expect: { client: ok, upstreamClosed: false },
  },
  {
    name: 'fields of the upstream’s connection are not passed on',
    rfc: 'RFC 9110 §7.6.1 ¶ 4',
    client: get(),
    upstream: answer('103 Early Hints', ['Connection: x-a', 'X-A: b', 'X-B: c']) + okWith(),
    expect: { client: [{ status: 103, has: ['x-b: c'], lacks: ['x-a', 'connection'] }, ok] },
  },
  {
    name: 'the connection to the upstream is kept after them',
    rfc: 'RFC 9112 §6.3 ¶ 2.1',
    client: get(),
    upstream: HINTS + okWith(),
    expect: { client: [{ status: 103 }, ok], upstreamClosed: false },
  },
];

const BAD = badAnswers([
  [
    '101 that nobody asked for',
    'RFC 9110 §7.8 ¶ 8',
    answer('101 Switching Protocols', ['Connection: upgrade', 'Upgrade: websocket']),
  ],
  ['one with a folded line', 'RFC 9112 §5.2 ¶ 4', answer('103 Hm', ['X: a', ' b']) + okWith()],
]);

conform('interim answers', [...CASES, ...BAD]);

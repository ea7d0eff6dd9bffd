import {
  type Case,
  answer,
  badAnswers,
  bare,
  get,
  head,
  ok,
  okWith,
  own,
  refused,
} from './case.ts';
import { conform } from './run.ts';
import { VOID_HOST } from './world.ts';

const DATE = /^date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
const HOPS = Array.from({ length: 21 }, (_, hop) => `1.1 p${hop}`);

/** What a client tells of itself, and what the upstream hears. */
const TOLD: readonly [name: string, rfc: string, fields: string[], has: (string | RegExp)[]][] = [
  ['Via is set', 'RFC 9110 §7.6.3 ¶ 1', [], ['via: 1.1 windrose']],
  ['Via is appended', 'RFC 9110 §7.6.3 ¶ 5', ['Via: 1.0 fred'], ['via: 1.0 fred, 1.1 windrose']],
  [
    'Via in two lines',
    'RFC 9110 §7.6.3 ¶ 5',
    ['Via: 1.0 fred', 'Via: 1.1 p.example'],
    ['via: 1.0 fred, 1.1 p.example, 1.1 windrose'],
  ],
  ['the client’s address', 'RFC 7239 §5.2 ¶ 1', [], ['x-forwarded-for: 127.0.0.1']],
  [
    'an address that is made up',
    'RFC 7239 §8.1 ¶ 1',
    ['X-Forwarded-For: 1.2.3.4'],
    ['x-forwarded-for: 127.0.0.1'],
  ],
  ['the scheme', 'RFC 7239 §5.4 ¶ 1', ['X-Forwarded-Proto: https'], ['x-forwarded-proto: http']],
  [
    'the host',
    'RFC 7239 §5.3 ¶ 1',
    ['X-Forwarded-Host: evil.example'],
    ['x-forwarded-host: shop.example'],
  ],
  ['a request id is made', 'RFC 9110 §7.7 ¶ 1', [], [/^x-request-id: [0-9a-f]{32}$/]],
  ['a request id is kept', 'RFC 9110 §7.7 ¶ 1', ['X-Request-Id: a-1'], ['x-request-id: a-1']],
  [
    'a request id that is none is made anew',
    'RFC 9110 §7.7 ¶ 1',
    ['X-Request-Id: a b'],
    [/^x-request-id: [0-9a-f]{32}$/],
  ],
  [
    'a request id that is too long is made anew',
    'RFC 9110 §7.7 ¶ 1',
    [`X-Request-Id: ${'a'.repeat(200)}`],
    [/^x-request-id: [0-9a-f]{32}$/],
  ],
  ['a client’s name passes', 'RFC 9110 §10.1.5 ¶ 2', ['User-Agent: x/1'], ['user-agent: x/1']],
  [
    'Forwarded tells the same',
    'RFC 7239 §4 ¶ 1',
    ['Forwarded: for=1.2.3.4'],
    ['forwarded: for=127.0.0.1;host=shop.example;proto=http'],
  ],
  ['Max-Forwards of a GET', 'RFC 9110 §7.6.2 ¶ 6', ['Max-Forwards: 0'], ['max-forwards: 0']],
];

const CASES: readonly Case[] = [
  {
    name: 'what else could be made up goes no further',
    rfc: 'RFC 7239 §8.1 ¶ 1',
    client: get('X-Real-IP: 1.2.3.4', 'X-Forwarded-Port: 1', 'X-Forwarded-Prefix: /a'),
    expect: {
      upstream: { lacks: ['x-real-ip', 'x-forwarded-port', 'x-forwarded-prefix'] },
      client: ok,
    },
  },
  {
    name: 'Via says in which version a message was received',
    rfc: 'RFC 9110 §7.6.3 ¶ 3',
    client: bare('GET / HTTP/1.0', 'Host: shop.example'),
    expect: { upstream: { has: ['via: 1.0 windrose'] }, client: ok, closed: true },
  },
  {
    name: 'a request without a host tells of none',
    rfc: 'RFC 7239 §5.3 ¶ 1',
    client: bare('GET / HTTP/1.0'),
    expect: {
      upstream: { has: ['forwarded: for=127.0.0.1;proto=http'] },
      client: ok,
      closed: true,
    },
  },
  {
    name: 'Max-Forwards of OPTIONS is counted down',
    rfc: 'RFC 9110 §7.6.2 ¶ 5',
    client: head('OPTIONS /', 'Max-Forwards: 7'),
    expect: { upstream: { has: ['max-forwards: 6'] }, client: ok },
  },
  {
    name: 'Max-Forwards of OPTIONS that is used up: this is the last recipient',
    rfc: 'RFC 9110 §7.6.2 ¶ 4',
    client: head('OPTIONS *', 'Max-Forwards: 0'),
    expect: {
      upstream: 'nothing',
      client: {
        status: 200,
        has: ['allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS', 'content-length: 0', DATE],
      },
    },
  },
  {
    name: 'Max-Forwards that no number of ours holds',
    rfc: 'RFC 9110 §7.6.2 ¶ 5',
    client: head('OPTIONS /', `Max-Forwards: ${'9'.repeat(400)}`),
    expect: { upstream: { has: ['max-forwards: 999999'] }, client: ok },
  },
  ...['-1', '1.5', '1, 2', 'one', ''].map((value): Case => ({
    name: `Max-Forwards: ${value}`,
    rfc: 'RFC 9110 §7.6.2 ¶ 2',
    client: head('OPTIONS /', `Max-Forwards: ${value}`),
    expect: refused(),
  })),
  {
    name: 'a chain of too many proxies ends',
    rfc: 'RFC 9110 §7.6.3 ¶ 4',
    client: get(`Via: ${HOPS.join(', ')}`),
    expect: refused(508),
  },
  {
    name: 'Date is added where it is missing',
    rfc: 'RFC 9110 §6.6.1 ¶ 8',
    client: get(),
    upstream: okWith(),
    expect: { client: { ...ok, has: [DATE] } },
  },
  {
    name: 'Date of the upstream stays',
    rfc: 'RFC 9110 §6.6.1 ¶ 7',
    client: get(),
    upstream: okWith('Date: Tue, 15 Nov 1994 08:12:31 GMT'),
    expect: {
      client: { ...ok, has: ['date: Tue, 15 Nov 1994 08:12:31 GMT'] },
    },
  },
  {
    name: 'Date is added to an answer without a body',
    rfc: 'RFC 9110 §6.6.1 ¶ 8',
    client: get(),
    upstream: answer('304 Not Modified', []),
    expect: { client: { status: 304, has: [DATE] } },
  },
  {
    name: 'Server of the upstream stays',
    rfc: 'RFC 9110 §10.2.4 ¶ 2',
    client: get(),
    upstream: okWith('Server: origin/1'),
    expect: { client: { ...ok, has: ['server: origin/1'] } },
  },
  {
    name: 'no Server is made up for the upstream',
    rfc: 'RFC 9110 §10.2.4 ¶ 2',
    client: get(),
    upstream: okWith(),
    expect: { client: { ...ok, lacks: ['server', 'x-powered-by'] } },
  },
  {
    name: 'an answer of the proxy says who it is, when, and what is the matter',
    rfc: 'RFC 9457 §3 ¶ 1',
    client: bare('GET / HTTP/1.1', `Host: ${VOID_HOST}`),
    expect: {
      upstream: 'nothing',
      client: { ...own(404, DATE), body: /^\{"type":"about:blank","title":"Not Found"/ },
    },
  },
];

conform('who and when', [
  ...TOLD.map(([name, rfc, fields, has]): Case => ({
    ...{ name, rfc, client: get(...fields) },
    expect: { upstream: { has }, client: ok },
  })),
  ...CASES,
  ...badAnswers([['a Date with a line end in it', 'RFC 9112 §2.2 ¶ 4', okWith('Date: Tue\rX: y')]]),
]);

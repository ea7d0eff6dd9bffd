import { type Case, CUT, END, QUIET, type Row, type Script, type Step, bare } from './case.ts';
import { OK, answer, get, head, ok, okWith, refusals, until } from './case.ts';
import { conform } from './run.ts';

const ASK = [
  ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const SWITCHED = answer('101 Switching Protocols', [
  ...['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${ACCEPT}`],
]);
const script = (...steps: readonly Step[]): Script => ({ on: 'head', steps });

const SWITCHES: readonly Case[] = [
  {
    name: 'the handshake goes through, and bytes go both ways',
    rfc: 'RFC 9110 §7.8 ¶ 9',
    client: [get(...ASK), until('\r\n\r\n'), '\x81\x05hello', until('world')],
    upstream: script(SWITCHED, until('hello'), '\x82\x05world'),
    expect: {
      upstream: {
        line: 'GET / HTTP/1.1',
        has: [
          ...['connection: upgrade', /^upgrade: websocket$/i, 'sec-websocket-version: 13'],
          ...['sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==', 'via: 1.1 windrose'],
        ],
        tunnel: '\x81\x05hello',
      },
      client: {
        status: 101,
        has: ['connection: upgrade', /^upgrade: websocket$/i, `sec-websocket-accept: ${ACCEPT}`],
        tunnel: '\x82\x05world',
      },
      closed: 'either',
    },
  },
  {
    name: 'what the client sends early goes upstream only after the 101',
    rfc: 'RFC 9110 §7.8 ¶ 13',
    client: [`${get(...ASK)}early`, until('late')],
    upstream: script(CUT, CUT, QUIET, SWITCHED, until('early'), 'late'),
    expect: {
      upstream: { tunnel: 'early' },
      client: { status: 101, tunnel: 'late' },
      closed: 'either',
    },
  },
  {
    name: 'what comes right behind the 101 is passed on',
    rfc: 'RFC 9110 §7.8 ¶ 13',
    client: [get(...ASK), until('hello')],
    upstream: script(`${SWITCHED}hello`),
    expect: { client: { status: 101, tunnel: 'hello' }, closed: 'either' },
  },
  {
    name: 'bytes that look like HTTP are not read as HTTP',
    rfc: 'RFC 9110 §7.8 ¶ 13',
    client: [get(...ASK), until('\r\n\r\n'), head('GET /smuggled'), until('\r\n\r\nok')],
    upstream: script(SWITCHED, until('/smuggled'), OK),
    expect: {
      upstream: { tunnel: head('GET /smuggled') },
      client: { status: 101, tunnel: OK },
      closed: 'either',
    },
  },
  {
    name: 'the token in capitals, and in a list of connection options',
    rfc: 'RFC 9110 §7.8 ¶ 3',
    client: [
      get('Connection: keep-alive, UPGRADE', 'Upgrade: WebSocket', ...ASK.slice(2)),
      until('hello'),
    ],
    upstream: script(`${SWITCHED}hello`),
    expect: { client: { status: 101, tunnel: 'hello' }, closed: 'either' },
  },
  {
    name: 'the upstream ends the tunnel: the client’s end is closed',
    rfc: 'RFC 9110 §9.3.6 ¶ 6',
    client: [get(...ASK)],
    upstream: script(`${SWITCHED}bye`, CUT, END),
    expect: { client: { status: 101, tunnel: 'bye' }, closed: true, upstreamClosed: true },
  },
  {
    name: 'the client ends the tunnel: what it said arrives, the upstream’s end is closed',
    rfc: 'RFC 9110 §9.3.6 ¶ 6',
    client: [get(...ASK), until('\r\n\r\n'), 'bye', END],
    upstream: script(SWITCHED, until('bye')),
    expect: {
      upstream: { tunnel: 'bye' },
      client: { status: 101, tunnel: '' },
      ...{ closed: true, upstreamClosed: true },
    },
  },
];

const DECLINED: readonly Case[] = [
  {
    name: 'the upstream answers otherwise: its answer is passed on',
    rfc: 'RFC 9110 §7.8 ¶ 5',
    client: get(...ASK),
    upstream: answer('403 Forbidden', ['Content-Length: 2'], 'no'),
    expect: { client: { status: 403, body: 'no' }, closed: 'either' },
  },
  {
    name: 'the upstream asks for another version',
    rfc: 'RFC 9110 §15.5.22 ¶ 2',
    client: get(...ASK),
    upstream: answer('426 Upgrade Required', ['Sec-WebSocket-Version: 13', 'Content-Length: 0']),
    expect: {
      client: { status: 426, has: ['sec-websocket-version: 13'] },
      closed: 'either',
    },
  },
  {
    name: 'the upstream switches and does not say to what',
    rfc: 'RFC 9110 §7.8 ¶ 6',
    client: get(...ASK),
    upstream: answer('101 Switching Protocols', ['Connection: upgrade']),
    expect: { client: { status: 502 }, closed: 'either', upstreamClosed: true },
  },
  {
    name: 'the upstream switches to something else',
    rfc: 'RFC 9110 §7.8 ¶ 8',
    client: get(...ASK),
    upstream: answer('101 Switching Protocols', ['Connection: upgrade', 'Upgrade: h2c']),
    expect: { client: { status: 502 }, closed: 'either', upstreamClosed: true },
  },
];

/** Requests that are forwarded without their Upgrade. */
const IGNORED: readonly [name: string, rfc: string, client: string, closed: boolean][] = [
  ['another token', 'RFC 9110 §7.8 ¶ 5', get('Connection: upgrade', 'Upgrade: foo/2'), false],
  ['h2c', 'RFC 9113 §3.1 ¶ 4', get('Connection: upgrade', 'Upgrade: h2c'), false],
  ['TLS', 'RFC 9110 §7.8 ¶ 5', get('Connection: upgrade', 'Upgrade: TLS/1.0'), false],
  ['not named by Connection', 'RFC 9110 §7.8 ¶ 14', get('Upgrade: websocket'), false],
  ['Connection alone', 'RFC 9110 §7.8 ¶ 14', get('Connection: upgrade'), false],
  ['on HTTP/1.0', 'RFC 9110 §7.8 ¶ 11', bare('GET / HTTP/1.0', 'Host: shop.example', ...ASK), true],
  ['with POST', 'RFC 6455 §4.1 ¶ 17.1', head('POST /', ...ASK, 'Content-Length: 0'), false],
];

const REFUSED: readonly Row[] = [
  [
    'CONNECT with early data',
    'RFC 9110 §9.3.6 ¶ 4',
    `${head('CONNECT shop.example:443')}early`,
    501,
  ],
  ['CONNECT with a length', 'RFC 9110 §9.3.6 ¶ 13', head('CONNECT a:1', 'Content-Length: 0'), 501],
  [
    'CONNECT and a request in its tunnel',
    'RFC 9110 §9.3.6 ¶ 4',
    head('CONNECT shop.example:80') + get(),
    501,
  ],
];

conform('upgrades', [
  ...SWITCHES,
  ...DECLINED,
  ...IGNORED.map(([name, rfc, client, closed]): Case => ({
    ...{ name: `ignored: ${name}`, rfc, client, upstream: okWith() },
    expect: { upstream: { lacks: ['upgrade'] }, client: ok, closed },
  })),
  ...refusals(REFUSED),
]);

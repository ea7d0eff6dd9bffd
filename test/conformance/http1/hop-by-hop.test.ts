import { type Case, type Row, get, ok, okWith, refusals } from './case.ts';
import { conform } from './run.ts';

/** Fields of one connection that may not reach the upstream. */
const NOT_FORWARDED: readonly [name: string, rfc: string, fields: string[], gone: string[]][] = [
  ['what Connection names', 'RFC 9110 §7.6.1 ¶ 4', ['Connection: x-a', 'X-A: b'], ['x-a']],
  ['in any case', 'RFC 9110 §7.6.1 ¶ 5', ['Connection: X-a', 'x-A: b'], ['x-a']],
  [
    'in a list with whitespace',
    'RFC 9110 §7.6.1 ¶ 4',
    ['Connection: x-a ,\tx-b', 'X-A: 1', 'X-B: 2'],
    ['x-a', 'x-b'],
  ],
  [
    'in a list with empty elements',
    'RFC 9110 §5.6.1.2 ¶ 1',
    ['Connection: ,, x-a,,', 'X-A: b'],
    ['x-a'],
  ],
  [
    'in two lines',
    'RFC 9110 §7.6.1 ¶ 4',
    ['Connection: x-a', 'Connection: x-b', 'X-A: 1', 'X-B: 2'],
    ['x-a', 'x-b'],
  ],
  ['every line of it', 'RFC 9110 §7.6.1 ¶ 4', ['X-A: 1', 'Connection: x-a', 'X-A: 2'], ['x-a']],
  ['Keep-Alive', 'RFC 9110 §7.6.1 ¶ 7.2', ['Keep-Alive: timeout=5'], ['keep-alive']],
  [
    'Proxy-Connection',
    'RFC 9110 §7.6.1 ¶ 7.1',
    ['Proxy-Connection: keep-alive'],
    ['proxy-connection'],
  ],
  ['TE', 'RFC 9110 §7.6.1 ¶ 7.3', ['Connection: TE', 'TE: gzip'], ['te']],
  ['TE that Connection does not name', 'RFC 9110 §10.1.4 ¶ 4', ['TE: gzip'], ['te']],
  [
    'Upgrade that is not served',
    'RFC 9110 §7.6.1 ¶ 7.5',
    ['Connection: upgrade', 'Upgrade: foo/2'],
    ['upgrade'],
  ],
  [
    'HTTP2-Settings',
    'RFC 9113 §3.1 ¶ 4',
    ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'],
    ['upgrade', 'http2-settings'],
  ],
  [
    'credentials for a proxy',
    'RFC 9110 §11.7.2 ¶ 4',
    ['Proxy-Authorization: Basic YQ=='],
    ['proxy-authorization'],
  ],
  ['what is only ours', 'RFC 9110 §7.7 ¶ 1', ['X-Windrose-Consumer: me'], ['x-windrose-consumer']],
  ['our deadline', 'RFC 9110 §7.7 ¶ 1', ['X-Windrose-Timeout: 1'], ['x-windrose-timeout']],
  ['our hop mark', 'RFC 9110 §7.7 ¶ 1', ['X-Windrose-Hop: 1'], ['x-windrose-hop']],
];

const NOT_PASSED_ON: readonly [name: string, rfc: string, fields: string[], gone: string[]][] = [
  ['what Connection names', 'RFC 9110 §7.6.1 ¶ 4', ['Connection: x-a', 'X-A: b'], ['x-a']],
  [
    'in two lines',
    'RFC 9110 §7.6.1 ¶ 4',
    ['Connection: x-a', 'Connection: x-b', 'X-B: 2'],
    ['x-b'],
  ],
  ['Keep-Alive', 'RFC 9110 §7.6.1 ¶ 7.2', ['Keep-Alive: timeout=77'], []],
  ['Proxy-Connection', 'RFC 9110 §7.6.1 ¶ 7.1', ['Proxy-Connection: x'], ['proxy-connection']],
  ['Upgrade', 'RFC 9110 §7.6.1 ¶ 7.5', ['Connection: upgrade', 'Upgrade: h2'], ['upgrade']],
  ['what is only ours', 'RFC 9110 §7.7 ¶ 1', ['X-Windrose-Hop: 1'], ['x-windrose-hop']],
];

const PROTECTED = [
  ...['Host', 'Content-Length', 'Content-Type', 'Authorization', 'Cookie', 'Via', 'Origin'],
  ...['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Request-Id'],
  ...['Cache-Control', 'Expect', 'Traceparent', 'X-Api-Key', 'X-Windrose-Consumer'],
];

const REFUSED: readonly Row[] = [
  ...PROTECTED.map((name): Row => [
    `Connection may not name ${name}`,
    'RFC 9110 §7.6.1 ¶ 8',
    get(`Connection: close, ${name.toLowerCase()}`),
  ]),
  [
    'Connection may not name Host in its second line',
    'RFC 9110 §7.6.1 ¶ 8',
    get('Connection: x-a', 'Connection: HOST'),
  ],
];

const MORE: readonly Case[] = [
  {
    name: 'what Connection names and is not there does no harm',
    rfc: 'RFC 9110 §7.6.1 ¶ 4',
    client: get('Connection: x-a', 'X-B: c'),
    expect: { upstream: { has: ['x-b: c'], lacks: ['x-a'] }, client: ok },
  },
  {
    name: 'an upstream’s Connection cannot take the length away',
    rfc: 'RFC 9110 §7.6.1 ¶ 8',
    client: get(),
    upstream: okWith('Connection: content-length'),
    expect: { client: { ...ok, framing: 'length' } },
  },
  {
    name: 'a challenge for an end passes',
    rfc: 'RFC 9110 §11.6.1 ¶ 4',
    client: get('Authorization: Basic YQ=='),
    upstream: 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n',
    expect: {
      upstream: { has: ['authorization: Basic YQ=='] },
      client: { status: 401, has: ['www-authenticate: Basic'] },
    },
  },
];

conform('hop by hop', [
  ...NOT_FORWARDED.map(([name, rfc, fields, gone]): Case => ({
    ...{ name: `not forwarded: ${name}`, rfc, client: get(...fields) },
    expect: { upstream: { lacks: gone }, client: ok },
  })),
  ...NOT_PASSED_ON.map(([name, rfc, fields, gone]): Case => ({
    ...{ name: `not passed on: ${name}`, rfc, client: get(), upstream: okWith(...fields) },
    expect: { client: { ...ok, lacks: gone } },
  })),
  ...refusals(REFUSED),
  ...MORE,
]);

import { type Case, type Row, bare, ok, refusals } from './case.ts';
import { conform } from './run.ts';
import { TRUSTING_HOST } from './world.ts';

const HOST = `Host: ${TRUSTING_HOST}`;
const OWN = `for=127.0.0.1;host=${TRUSTING_HOST};proto=http`;

function get(target: string, ...fields: readonly string[]): string {
  return bare(`GET ${target} HTTP/1.1`, HOST, ...fields);
}

/** What a trusted hop tells, and what the upstream hears. */
const TOLD: readonly [name: string, rfc: string, fields: string[], has: string[]][] = [
  [
    'the address that a trusted hop tells, and the hop',
    'RFC 7239 §5.2 ¶ 1',
    ['X-Forwarded-For: 203.0.113.5'],
    [
      'x-forwarded-for: 203.0.113.5, 127.0.0.1',
      `forwarded: for=203.0.113.5;host=${TRUSTING_HOST};proto=http, ${OWN}`,
    ],
  ],
  [
    'what the client made up before that goes no further',
    'RFC 7239 §8.1 ¶ 1',
    ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 203.0.113.5, 10.1.1.1'],
    ['x-forwarded-for: 203.0.113.5, 10.1.1.1, 127.0.0.1'],
  ],
  [
    'an address with a port, and one of IPv6',
    'RFC 7239 §6 ¶ 1',
    ['X-Forwarded-For: [2001:DB8::1]:443, 10.1.1.1:80'],
    [
      'x-forwarded-for: 2001:db8::1, 10.1.1.1, 127.0.0.1',
      `forwarded: for="[2001:db8::1]";host=${TRUSTING_HOST};proto=http, for=10.1.1.1, ${OWN}`,
    ],
  ],
  [
    'what is no address ends what is believed',
    'RFC 7239 §8.1 ¶ 1',
    ['X-Forwarded-For: 6.6.6.6, who knows, 10.1.1.1'],
    ['x-forwarded-for: 10.1.1.1, 127.0.0.1'],
  ],
  [
    'scheme, host and port',
    'RFC 7239 §5.4 ¶ 1',
    ['X-Forwarded-Proto: HTTPS', 'X-Forwarded-Host: shop.example:8443', 'X-Forwarded-Port: 8443'],
    ['x-forwarded-proto: https', 'x-forwarded-host: shop.example:8443', 'x-forwarded-port: 8443'],
  ],
  [
    'no scheme and no host that are none',
    'RFC 7239 §5.4 ¶ 1',
    ['X-Forwarded-Proto: javascript', 'X-Forwarded-Host: a/b'],
    ['x-forwarded-proto: http', `x-forwarded-host: ${TRUSTING_HOST}`],
  ],
  [
    'Forwarded is appended to',
    'RFC 7239 §4 ¶ 5',
    ['Forwarded: for=6.6.6.6, For="[2001:db8::1]:4711";Proto=https;by=_edge;host="a.example:8"'],
    [
      'forwarded: For="[2001:db8::1]:4711";Proto=https;by=_edge;host="a.example:8", ' + OWN,
      'x-forwarded-for: 2001:db8::1, 127.0.0.1',
      'x-forwarded-proto: https',
      'x-forwarded-host: a.example:8',
    ],
  ],
  [
    'Forwarded in two lines is one list',
    'RFC 7239 §7.1 ¶ 2',
    ['Forwarded: for=203.0.113.5', 'Forwarded: for=10.1.1.1'],
    [
      `forwarded: for=203.0.113.5, for=10.1.1.1, ${OWN}`,
      'x-forwarded-for: 203.0.113.5, 10.1.1.1, 127.0.0.1',
    ],
  ],
  [
    'a hop that hides whom it serves',
    'RFC 7239 §6.3 ¶ 1',
    ['Forwarded: for=203.0.113.5, for=_hidden;proto=https, for=10.1.1.1'],
    [
      `forwarded: for=_hidden;proto=https, for=10.1.1.1, ${OWN}`,
      'x-forwarded-for: 10.1.1.1, 127.0.0.1',
      'x-forwarded-proto: https',
    ],
  ],
  [
    'both fields, which agree: what the one does not tell the other does',
    'RFC 7239 §7.4 ¶ 1',
    ['Forwarded: for=203.0.113.5;proto=https', 'X-Forwarded-For: 203.0.113.5'],
    [
      'x-forwarded-for: 203.0.113.5, 127.0.0.1',
      'x-forwarded-proto: https',
      `forwarded: for=203.0.113.5;proto=https, ${OWN}`,
    ],
  ],
  [
    'a Forwarded that contradicts X-Forwarded-For is begun anew',
    'RFC 7239 §8.1 ¶ 1',
    ['Forwarded: for=6.6.6.6', 'X-Forwarded-For: 203.0.113.5'],
    [
      'x-forwarded-for: 203.0.113.5, 127.0.0.1',
      `forwarded: for=203.0.113.5;host=${TRUSTING_HOST};proto=http, ${OWN}`,
    ],
  ],
  ...[
    'for=1.2.3.4;for=1.2.3.4',
    'for=2001:db8::1',
    'for = 1.2.3.4',
    'for="1.2.3.4',
    'for=1.2.3.4; proto=http',
    'for=',
    'for=1.2.3.4 for=1.2.3.4',
    'for=1.2.3.4;proto="a b"',
    'for=1.2.3.4;host="a/b"',
    'for=1.2.3.400',
  ].map((value): (typeof TOLD)[number] => [
    `not well formed: ${value}`,
    'RFC 7239 §4 ¶ 3',
    [`Forwarded: ${value}`],
    [`forwarded: ${OWN}`, 'x-forwarded-for: 127.0.0.1'],
  ]),
];

/** Where escaped slashes are kept: what somebody could read in another way stays refused. */
const REFUSED: readonly Row[] = (
  [
    ['a dot segment behind an escaped slash', '/a/..%2Fadmin'],
    ['a dot segment before an escaped slash', '/a%2f..'],
    ['a dot segment between escaped slashes', '/a%2F.%2Fadmin'],
    ['a dot segment in front of all', '/..%2fadmin'],
    ['an escaped backslash', '/a%5Cb'],
    ['an escaped NUL', '/a%00b'],
    ['an escaped dot', '/a%2Fb/%2e'],
  ] as const
).map(([name, target]): Row => [name, 'RFC 3986 §6.2.2.2 ¶ 1', get(target)]);

const ALIASES: readonly Row[] = [
  ...['Content_Length: 5', 'X_Forwarded_For: 1.2.3.4', 'x_api_key: a', 'Transfer_encoding: x'],
  'X_Windrose_Consumer: me',
].map((field): Row => [
  `${field} could be read as another field`,
  'RFC 9110 §5.1 ¶ 1',
  get('/', field),
]);

const CASES: readonly Case[] = [
  {
    name: 'an escaped slash is a character of its segment',
    rfc: 'RFC 3986 §2.2 ¶ 2',
    client: get('/@scope%2fname/./x?y=%2f'),
    expect: { upstream: { line: 'GET /@scope%2Fname/x?y=%2f HTTP/1.1' }, client: ok },
  },
  {
    name: 'a name with an underscore passes',
    rfc: 'RFC 9110 §5.1 ¶ 2',
    client: get('/', 'Tenant_Id: 7'),
    expect: { upstream: { has: ['tenant_id: 7'] }, client: ok },
  },
];

conform('trusted hops, and a listener with a policy', [
  ...TOLD.map(([name, rfc, fields, has]): Case => ({
    ...{ name, rfc, client: get('/', ...fields) },
    expect: { upstream: { has }, client: ok },
  })),
  ...CASES,
  ...refusals([...REFUSED, ...ALIASES]),
]);

import { type Case, type Row, bare, head, lines, ok, own, refusals } from './case.ts';
import { conform } from './run.ts';
import { VOID_HOST } from './world.ts';

const hosts = (...values: readonly string[]): string =>
  bare('GET / HTTP/1.1', ...values.map((value) => `Host: ${value}`));

const REFUSED: readonly Row[] = [
  ['none', 'RFC 9112 §3.2 ¶ 6', hosts()],
  ['two', 'RFC 9112 §3.2 ¶ 6', hosts('shop.example', 'evil.example')],
  ['two that are equal', 'RFC 9112 §3.2 ¶ 6', hosts('shop.example', 'shop.example')],
  [
    'two, written differently',
    'RFC 9112 §3.2 ¶ 6',
    bare('GET / HTTP/1.1', 'Host: shop.example', 'HOST: shop.example'),
  ],
  ['a list', 'RFC 9112 §3.2 ¶ 6', hosts('shop.example, evil.example')],
  ['an empty one', 'RFC 9110 §4.2.1 ¶ 2', hosts('')],
  ['a space in it', 'RFC 9112 §3.2 ¶ 6', hosts('shop example')],
  ['a path', 'RFC 9112 §3.2 ¶ 6', hosts('shop.example/a')],
  ['a query', 'RFC 9112 §3.2 ¶ 6', hosts('shop.example?a')],
  ['a user', 'RFC 9110 §7.2 ¶ 2', hosts('me@shop.example')],
  ['a scheme', 'RFC 9110 §7.2 ¶ 2', hosts('http://shop.example')],
  ['a port without a number', 'RFC 9112 §3.2 ¶ 6', hosts('shop.example:http')],
  ['a port with a sign', 'RFC 9112 §3.2 ¶ 6', hosts('shop.example:-80')],
  ['a port that does not exist', 'RFC 9112 §3.2 ¶ 6', hosts('shop.example:70000')],
  ['port 0', 'RFC 9112 §3.2 ¶ 6', hosts('shop.example:0')],
  ['two ports', 'RFC 9112 §3.2 ¶ 6', hosts('shop.example:80:81')],
  ['two dots', 'RFC 9112 §3.2 ¶ 6', hosts('shop..example')],
  ['a dot in front', 'RFC 9112 §3.2 ¶ 6', hosts('.shop.example')],
  ['obs-text', 'RFC 9112 §3.2 ¶ 6', hosts('sh\xf6p.example')],
  ['an escape', 'RFC 9112 §3.2 ¶ 6', hosts('shop%2eexample')],
  ['a quote', 'RFC 9112 §3.2 ¶ 6', hosts('"shop.example"')],
  ['an IPv6 address without brackets', 'RFC 9112 §3.2 ¶ 6', hosts('::1')],
  ['an IPv6 address that is none', 'RFC 9112 §3.2 ¶ 6', hosts('[:::1]')],
  ['an IPv6 address with a zone', 'RFC 9112 §3.2 ¶ 6', hosts('[fe80::1%25eth0]')],
  ['a bracket that stays open', 'RFC 9112 §3.2 ¶ 6', hosts('[::1')],
  ['two in HTTP/1.0', 'RFC 9112 §3.2 ¶ 6', bare('GET / HTTP/1.0', 'Host: a', 'Host: a')],
  ['a bad one in HTTP/1.0', 'RFC 9112 §3.2 ¶ 6', bare('GET / HTTP/1.0', 'Host: a/b')],
  ['one hidden behind a space', 'RFC 9112 §5.1 ¶ 2', `GET / HTTP/1.1\r\n${lines('Host : a')}\r\n`],
];

const SERVED: readonly [name: string, rfc: string, host: string][] = [
  ['a name', 'RFC 9110 §7.2 ¶ 2', 'shop.example'],
  ['a name of one label', 'RFC 9110 §7.2 ¶ 2', 'shop'],
  ['a name with a port', 'RFC 9110 §7.2 ¶ 2', 'shop.example:8080'],
  ['capitals', 'RFC 9110 §4.2.3 ¶ 3', 'SHOP.Example'],
  ['a final dot', 'RFC 3986 §3.2.2 ¶ 20', 'shop.example.'],
  ['an IPv4 address', 'RFC 3986 §3.2.2 ¶ 8', '127.0.0.1'],
  ['an IPv6 address', 'RFC 3986 §3.2.2 ¶ 3', '[::1]'],
  ['an IPv6 address with a port', 'RFC 3986 §3.2.2 ¶ 3', '[2001:db8::1]:8080'],
];

const MORE: readonly Case[] = [
  {
    name: 'whitespace around it does not belong to it',
    rfc: 'RFC 9112 §5.1 ¶ 3',
    client: 'GET / HTTP/1.1\r\nHost:\t shop.example \t\r\n\r\n',
    expect: { upstream: { has: ['host: shop.example'] }, client: ok },
  },
  {
    name: 'HTTP/1.0 needs none',
    rfc: 'RFC 9112 §3.2 ¶ 6',
    client: bare('GET /a HTTP/1.0'),
    expect: { upstream: { line: 'GET /a HTTP/1.1' }, client: ok, closed: true },
  },
  {
    name: 'it decides about the listener, whatever its case, its dot and its port',
    rfc: 'RFC 9110 §7.4 ¶ 1',
    client: bare('GET / HTTP/1.1', `Host: ${VOID_HOST.toUpperCase()}.:80`),
    expect: { upstream: 'nothing', client: own(404) },
  },
  {
    name: 'an absolute form decides about the listener',
    rfc: 'RFC 9112 §3.2.2 ¶ 7',
    client: bare(`GET http://${VOID_HOST}/ HTTP/1.1`, `Host: ${VOID_HOST}`),
    expect: { upstream: 'nothing', client: own(404) },
  },
  {
    name: 'it goes upstream as it came, and again as x-forwarded-host',
    rfc: 'RFC 9110 §7.2 ¶ 5',
    client: head('GET /', 'X-A: b'),
    expect: {
      upstream: { has: ['host: shop.example', 'x-forwarded-host: shop.example'] },
      client: ok,
    },
  },
];

conform('Host', [
  ...refusals(REFUSED),
  ...SERVED.map(([name, rfc, host]): Case => ({
    ...{ name, rfc, client: hosts(host) },
    expect: { upstream: { has: [`host: ${host}`] }, client: ok },
  })),
  ...MORE,
]);

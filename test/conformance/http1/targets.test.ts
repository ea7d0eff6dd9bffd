import { type Case, type Row, bare, head, lines, ok, refusals } from './case.ts';
import { conform } from './run.ts';

const at = (target: string): string => head(`GET ${target}`);

const REFUSED: readonly Row[] = [
  ['a fragment', 'RFC 9112 §3.2 ¶ 2', at('/a#b')],
  ['a fragment behind a query', 'RFC 9112 §3.2 ¶ 2', at('/a?b#c')],
  ['a backslash', 'RFC 3986 §2 ¶ 1', at('/a\\b')],
  ['obs-text', 'RFC 3986 §2.1 ¶ 1', at('/caf\xe9')],
  ['UTF-8 that is not escaped', 'RFC 3986 §2.1 ¶ 1', at('/caf\xc3\xa9')],
  ['NUL', 'RFC 3986 §2.1 ¶ 1', at('/a\0b')],
  ['DEL', 'RFC 3986 §2.1 ¶ 1', at('/a\x7fb')],
  ['an escape character', 'RFC 3986 §2.1 ¶ 1', at('/a\x1bb')],
  ['a control character in the query', 'RFC 3986 §2.1 ¶ 1', at('/a?b=\x01')],
  ['a path without its slash', 'RFC 9112 §3.2.1 ¶ 1', at('index.html')],
  ['a query alone', 'RFC 9112 §3.2.1 ¶ 2', at('?a=b')],
  ['authority form without CONNECT', 'RFC 9112 §3.2.3 ¶ 1', at('shop.example:80')],
  ['asterisk form without OPTIONS', 'RFC 9112 §3.2.4 ¶ 1', at('*')],
  ['asterisk form with a path', 'RFC 9112 §3.2.4 ¶ 1', head('OPTIONS */a')],
  ['an absolute form of https over plain TCP', 'RFC 9110 §7.4 ¶ 1', at('https://shop.example/')],
  ['an absolute form of another scheme', 'RFC 9112 §3.2.2 ¶ 2', at('ftp://shop.example/')],
  ['an absolute form without a host', 'RFC 9110 §4.2.1 ¶ 2', at('http:///a')],
  ['an absolute form without slashes', 'RFC 9112 §3.2.2 ¶ 1', at('http:shop.example')],
  ['a user in an absolute form', 'RFC 9110 §4.2.4 ¶ 2', at('http://me@shop.example/')],
  ['a password in an absolute form', 'RFC 9110 §4.2.4 ¶ 2', at('http://a:b@shop.example/')],
  ['an absolute form with a bad port', 'RFC 9110 §4.2.1 ¶ 2', at('http://shop.example:0x50/')],
  ['an absolute form that Host contradicts', 'RFC 9112 §3.2.2 ¶ 7', at('http://evil.example/')],
  ['an absolute form of another port', 'RFC 9112 §3.2.2 ¶ 7', at('http://shop.example:81/')],
  [
    'an absolute form without Host in HTTP/1.1',
    'RFC 9112 §3.2 ¶ 6',
    bare('GET http://shop.example/ HTTP/1.1'),
  ],
  ['an escaped slash', 'RFC 9110 §4.2.3 ¶ 2', at('/a%2fb')],
  ['an escaped backslash', 'RFC 9110 §4.2.3 ¶ 2', at('/a%5Cb')],
  ['an escaped NUL', 'RFC 9110 §17.3 ¶ 2', at('/a%00')],
  ['an escaped line end', 'RFC 9110 §17.3 ¶ 2', at('/a%0d%0aX:%20y')],
  ['an escaped dot segment', 'RFC 9110 §17.3 ¶ 2', at('/a/%2e%2e/b')],
  ['a dot segment escaped in part', 'RFC 9110 §17.3 ¶ 2', at('/a/.%2e/b')],
  ['an escape without digits', 'RFC 3986 §2.1 ¶ 1', at('/a%zz')],
  ['an escape that is cut off', 'RFC 3986 §2.1 ¶ 1', at('/a%4')],
  ['a path above the root', 'RFC 9110 §17.3 ¶ 2', at('/a/../../b')],
];

/** A target, and what the upstream has to see of it. */
const SEEN: readonly [name: string, rfc: string, target: string, seen: string][] = [
  ['the root', 'RFC 9112 §3.2.1 ¶ 2', '/', '/'],
  ['a path and a query', 'RFC 9112 §3.2.1 ¶ 3', '/a/b?c=d&e', '/a/b?c=d&e'],
  ['an empty query', 'RFC 3986 §3.4 ¶ 1', '/a?', '/a?'],
  ['a query with marks of its own', 'RFC 3986 §3.4 ¶ 3', '/a?b/?c:@%2f%', '/a?b/?c:@%2f%'],
  ['dot segments', 'RFC 3986 §5.2.4 ¶ 2', '/a/./b/../c', '/a/c'],
  ['a dot segment at the end', 'RFC 3986 §5.2.4 ¶ 2', '/a/b/..', '/a/'],
  ['dots in the query stay', 'RFC 3986 §3.4 ¶ 1', '/a?b=/../c', '/a?b=/../c'],
  ['repeated slashes', 'RFC 9110 §4.2.3 ¶ 2', '//a///b', '/a/b'],
  ['a slash at the end stays', 'RFC 3986 §6.2.3 ¶ 2', '/a/', '/a/'],
  ['escaped letters', 'RFC 9110 §4.2.3 ¶ 4', '/%61%7E%2D', '/a~-'],
  ['escapes in small letters', 'RFC 3986 §6.2.2.1 ¶ 1', '/caf%c3%a9', '/caf%C3%A9'],
  ['reserved characters', 'RFC 3986 §2.2 ¶ 2', "/a;b=c,d!$&'()*+:@", "/a;b=c,d!$&'()*+:@"],
  ['an escaped percent sign', 'RFC 3986 §2.4 ¶ 2', '/a%2525', '/a%2525'],
  ['an absolute form', 'RFC 9112 §3.2.2 ¶ 5', 'http://shop.example/a?b', '/a?b'],
  ['an absolute form without a path', 'RFC 9112 §3.2.1 ¶ 2', 'http://shop.example', '/'],
  ['an absolute form with a query alone', 'RFC 9112 §3.2.1 ¶ 2', 'http://shop.example?b', '/?b'],
  ['an absolute form in capitals', 'RFC 9110 §4.2.3 ¶ 3', 'HTTP://SHOP.example/A', '/A'],
  ['an absolute form with its port', 'RFC 9110 §4.2.3 ¶ 3', 'http://shop.example:80/a', '/a'],
];

const MORE: readonly Case[] = [
  {
    name: 'the asterisk of OPTIONS',
    rfc: 'RFC 9112 §3.2.4 ¶ 4',
    client: head('OPTIONS *'),
    expect: { upstream: { line: 'OPTIONS * HTTP/1.1' }, client: ok },
  },
  {
    name: 'an absolute form in HTTP/1.0 names the host',
    rfc: 'RFC 9112 §3.2.2 ¶ 5',
    client: `GET http://shop.example/a HTTP/1.0\r\n${lines('X-A: b')}\r\n`,
    expect: {
      upstream: { line: 'GET /a HTTP/1.1', has: ['host: shop.example'] },
      client: ok,
      closed: true,
    },
  },
];

conform('request targets', [
  ...refusals(REFUSED),
  ...SEEN.map(([name, rfc, target, seen]): Case => ({
    ...{ name, rfc, client: at(target) },
    expect: { upstream: { line: `GET ${seen} HTTP/1.1` }, client: ok },
  })),
  ...MORE,
]);

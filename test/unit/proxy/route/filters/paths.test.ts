import { describe, expect, it } from 'vitest';
import { isMirrored } from '#proxy/route/filters/mirror.ts';
import { type PathEdit, editPath } from '#proxy/route/filters/path.ts';
import { type Redirect, type RedirectInput, locationOf } from '#proxy/route/filters/redirect.ts';

const open = (path: string): string => path.replace(/\/$/, '');
const prefixEdit = (prefix: string, replacement: string): PathEdit => ({
  ...{ type: 'ReplacePrefixMatch', prefix: open(prefix), replacement: open(replacement) },
});

describe('a path modifier', () => {
  // The table in the standard's documentation of HTTPPathModifier, and the root.
  it.each([
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/', '/foo', '', '/'],
    ['/foo', '/foo', '', '/'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo', '/foo', '/', '/'],
    ['/bar', '/', '/xyz', '/xyz/bar'],
    ['*', '/', '/xyz', '*'],
  ])('%s under %s with %s for it is %s', (path, prefix, replacement, edited) => {
    expect(editPath(prefixEdit(prefix, replacement), path)).toBe(edited);
  });

  it('replaces the whole path, but for * of OPTIONS', () => {
    const edit: PathEdit = { type: 'ReplaceFullPath', path: '/all' };
    expect(editPath(edit, '/a/b/')).toBe('/all');
    expect(editPath(edit, '*')).toBe('*');
  });
});

const REDIRECT: Redirect = {
  ...{ scheme: undefined, hostname: undefined, port: undefined, path: undefined, status: 302 },
};
const PLAIN: RedirectInput = {
  ...{ scheme: undefined, serverName: undefined, host: 'a.example', path: '/p', query: '?q=1' },
};
const SECURE: RedirectInput = { ...PLAIN, scheme: 'https', serverName: 'a.example' };
/** In the clear from a trusted hop that ended TLS. */
const OFFLOADED: RedirectInput = { ...PLAIN, scheme: 'https' };

describe('a Location', () => {
  it.each<[string, Partial<Redirect>, RedirectInput, number, string]>([
    ['keeps what is not said', {}, PLAIN, 80, 'http://a.example/p?q=1'],
    ['has the port of the listener', {}, PLAIN, 8080, 'http://a.example:8080/p?q=1'],
    ['leaves 443 out', {}, SECURE, 443, 'https://a.example/p?q=1'],
    ['keeps 443 in http', { port: 443 }, PLAIN, 80, 'http://a.example:443/p?q=1'],
    ['keeps 80 in https', { port: 80 }, SECURE, 443, 'https://a.example:80/p?q=1'],
    ['leaves a port out that is said', { port: 80 }, PLAIN, 8080, 'http://a.example/p?q=1'],
    ['has the port of its scheme', { scheme: 'https' }, PLAIN, 8080, 'https://a.example/p?q=1'],
    ['has it of http', { scheme: 'http' }, SECURE, 8443, 'http://a.example/p?q=1'],
    [
      'has scheme and port as said',
      { scheme: 'https', port: 8443 },
      PLAIN,
      80,
      'https://a.example:8443/p?q=1',
    ],
    ['has the scheme that the client used', {}, OFFLOADED, 8080, 'https://a.example/p?q=1'],
    ['has another host', { hostname: 'b.example' }, PLAIN, 80, 'http://b.example/p?q=1'],
    [
      'has another path, and the query',
      { path: { type: 'ReplaceFullPath', path: '/full' } },
      PLAIN,
      80,
      'http://a.example/full?q=1',
    ],
    [
      'writes an IPv6 address in brackets',
      {},
      { ...PLAIN, host: '2001:db8::1' },
      8080,
      'http://[2001:db8::1]:8080/p?q=1',
    ],
    ['names no host where none was named', {}, { ...PLAIN, host: '' }, 80, '/p?q=1'],
    ['leads from * to the root', {}, { ...PLAIN, path: '*', query: '' }, 80, 'http://a.example/'],
  ])('%s', (_, redirect, request, port, location) => {
    expect(locationOf({ ...REDIRECT, ...redirect }, request, port)).toBe(location);
  });
});

describe('a mirror', () => {
  const mirror = (numerator: number, denominator: number) => ({
    ...{
      service: 'shop/m',
      port: 80,
      label: 'shop/m:80',
      isForGateways: true,
      numerator,
      denominator,
    },
  });

  it.each([
    [1, 3, 1],
    [35, 100, 35],
    [0, 100, 0],
    [100, 100, 100],
    [999, 1000, 999],
  ])('gets %d of %d requests, exactly', (numerator, denominator, copies) => {
    let drawn = 0;
    for (let i = 0; i < denominator; i++) {
      if (isMirrored(mirror(numerator, denominator), () => i / denominator)) drawn++;
    }
    expect(drawn).toBe(copies);
  });
});

import { expect, test } from 'vitest';
import { normalisePath, readTarget } from '#proxy/listener/target.ts';
import { locationOf } from '#proxy/route/filters/redirect.ts';
import { editPath } from '#proxy/route/filters/path.ts';
import { compileRedirect } from '#proxy/snapshot/filter-paths.ts';
import { Report } from '#proxy/snapshot/report.ts';
import { oneOf, seeded } from '../unit/proxy/support/world.ts';

type Random = () => number;

const ROUNDS = 20_000;
const SEGMENTS = ['a', 'shop', '~b', '...', 'x.y', '%20', '%C3%A9', '%25', '@', ';v=1'];
const QUERIES = ['', '?', '?q=1', '?a=%0d%0aX:%201', '?//b.example', '?a?b', '?q=https://c/'];
const HOSTS = ['a.example', 'a_b.example', '127.0.0.1', '2001:db8::1'];

/** The same, as somebody might write it in a route. */
const spelled = (path: string): string => path.replaceAll('~', '%7e').replaceAll('%C3', '%c3');

/** A path in normal form, without the trailing slash that may follow. */
function somePath(random: Random, least: number): string {
  const length = least + Math.floor(random() * 4);
  return Array.from({ length }, () => `/${oneOf(random, SEGMENTS)}`).join('');
}

const tail = (random: Random): string => (random() < 0.4 ? '/' : '');

function perhaps<T>(random: Random, list: readonly T[]): T | undefined {
  return random() < 0.3 ? undefined : oneOf(random, list);
}

/** Elements of a path, whatever slashes it ends with. */
function elements(path: string): string[] {
  return path.split('/').filter((element) => element !== '');
}

interface Case {
  prefix: string;
  rest: string;
  value: string;
  path: string;
}

/** A prefix, a path under it, and what replaces the prefix, each with or without a last slash. */
function someCase(random: Random): Case {
  const prefix = somePath(random, 0);
  const rest = somePath(random, 0) + tail(random);
  const value = random() < 0.1 ? '' : somePath(random, 1) + tail(random);
  const written = prefix === '' ? '/' : prefix + tail(random);
  return { prefix: written, rest, value, path: prefix + rest === '' ? '/' : prefix + rest };
}

function compiled(requestRedirect: object, prefix: string) {
  const report = new Report('HTTPRoute/shop/r' as never);
  const matches = [{ path: { type: 'PathPrefix' as const, value: spelled(prefix) } }];
  const redirect = compileRedirect(requestRedirect, 'at', matches, report);
  if (redirect === undefined) throw new Error(JSON.stringify(report.problems));
  return redirect;
}

test('a rewritten path is in normal form: the replacement, and what followed the prefix', () => {
  const random = seeded(1);
  for (let round = 0; round < ROUNDS; round++) {
    const { prefix, rest, value, path } = someCase(random);
    const modifier = { type: 'ReplacePrefixMatch' as const, replacePrefixMatch: spelled(value) };
    const edit = compiled({ path: modifier }, prefix).path;
    if (edit === undefined) throw new Error('no path');
    const edited = editPath(edit, path);
    const about = `${path} under ${prefix} with ${value}: ${edited}`;
    expect(normalisePath(edited, 'Keep'), about).toEqual({ ok: true, value: edited });
    expect(elements(edited), about).toEqual([...elements(value), ...elements(rest)]);
    const isFolder = path.endsWith('/') || edited === '/';
    expect(edited.endsWith('/'), about).toBe(isFolder);
  }
});

test('a Location reads back as what it was made of', () => {
  const random = seeded(2);
  for (let round = 0; round < ROUNDS; round++) {
    const { prefix, value, path } = someCase(random);
    const query = oneOf(random, QUERIES);
    const host = oneOf(random, HOSTS);
    const isSecure = random() < 0.5;
    const scheme = perhaps(random, ['http', 'https'] as const);
    const port = perhaps(random, [80, 443, 8080]);
    const hostname = perhaps(random, ['b.example']);
    const listenerPort = oneOf(random, [80, 443, 8080, 7443]);
    const isFull = random() < 0.3;
    const modifier = isFull
      ? { type: 'ReplaceFullPath', replaceFullPath: spelled(value) }
      : { type: 'ReplacePrefixMatch', replacePrefixMatch: spelled(value) };
    const redirect = compiled({ scheme, port, hostname, path: modifier }, prefix);
    const request = {
      ...{ host, path, query, scheme: isSecure ? ('https' as const) : undefined },
      serverName: isSecure ? host : undefined,
    };
    const location = locationOf(redirect, request, listenerPort);
    const url = new URL(location);
    const wanted = scheme ?? (isSecure ? 'https' : 'http');
    const usual = { http: 80, https: 443 }[wanted];
    const wantedPort = port ?? (scheme === undefined ? listenerPort : usual);
    expect(location).toMatch(/^[\x21-\x7e]+$/);
    expect(url.protocol).toBe(`${wanted}:`);
    expect(url.hostname.replace(/^\[|\]$/g, '')).toBe(hostname ?? host);
    expect(url.port).toBe(wantedPort === usual ? '' : String(wantedPort));
    expect(location.includes(`:${usual}/`)).toBe(false);
    // Not by the URL, which leaves an empty query out.
    const target = location.slice(location.indexOf('/', 'https://'.length));
    const edit = redirect.path;
    if (edit === undefined) throw new Error('no path');
    expect(target).toBe(editPath(edit, path) + query);
    expect(readTarget('GET', target)).toMatchObject({ ok: true, value: { query } });
    expect(url.pathname).toBe(editPath(edit, path));
  }
});

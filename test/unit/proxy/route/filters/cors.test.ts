import { describe, expect, it } from 'vitest';
import type { CORS } from '#contracts/resources/index.ts';
import { HeaderList } from '#proxy/headers.ts';
import {
  applyCors,
  isOriginAllowed,
  isPreflight,
  preflightFields,
} from '#proxy/route/filters/cors.ts';
import { compileCors } from '#proxy/snapshot/filter-cors.ts';
import { Report } from '#proxy/snapshot/report.ts';

const REPORT = new Report('HTTPRoute/shop/r' as never);
const cors = (config: CORS) => compileCors(config, 'cors', REPORT);

function fields(of: Record<string, string>): HeaderList {
  const list = new HeaderList();
  for (const [name, value] of Object.entries(of)) list.add(name, value);
  return list;
}

function preflight(config: CORS, asked: Record<string, string>): Record<string, string> {
  const headers = fields({ 'access-control-request-method': 'PUT', ...asked });
  return Object.fromEntries(preflightFields(cors(config), { method: 'OPTIONS', headers }));
}

function answered(config: CORS, origin?: string, own: Record<string, string> = {}): object {
  const headers = fields(own);
  applyCors(cors(config), origin, headers);
  const seen: Record<string, string> = {};
  headers.forEach((name) => (seen[name] = headers.get(name) ?? ''));
  return seen;
}

describe('an origin', () => {
  it.each<[string[], string, boolean]>([
    [['https://www.foo.com'], 'https://www.foo.com', true],
    [['https://www.foo.com'], 'https://WWW.foo.com', true],
    [['https://www.foo.com'], 'https://www.foo.com:443', true],
    [['http://www.foo.com:80'], 'http://www.foo.com', true],
    [['https://www.foo.com'], 'http://www.foo.com', false],
    [['https://www.foo.com'], 'https://www.foo.com:8443', false],
    [['https://*.bar.com'], 'https://www.bar.com', true],
    [['https://*.bar.com'], 'https://xpto.www.bar.com', true],
    [['https://*.bar.com'], 'https://bar.com', false],
    [['https://*.bar.com'], 'https://evilbar.com', false],
    [['https://*.bar.com'], 'https://.bar.com', false],
    [['https://*.bar.com'], 'https://www.bar.com.evil.example', false],
    [['https://*.bar.com'], 'https://evil.example/.bar.com', false],
    [['https://*.bar.com'], 'https://u@www.bar.com', false],
    [['https://*.bar.com:8443'], 'https://www.bar.com:8443', true],
    [['https://*.bar.com:8443'], 'https://www.bar.com', false],
    [['https://*'], 'https://anything.example', true],
    [['https://*'], 'http://anything.example', false],
    [['*'], 'http://a.example:12345', true],
    [['*'], 'null', true],
    [['*'], 'chrome-extension://abc', true],
    [['*'], 'https://a.example, https://b.example', false],
    [['https://a.example'], 'null', false],
    [[], 'https://a.example', false],
  ])('of %j: is %s allowed? %s', (allowOrigins, origin, allowed) => {
    expect(isOriginAllowed(cors({ allowOrigins }).origins, origin)).toBe(allowed);
  });
});

describe('a preflight', () => {
  it('is OPTIONS with an origin and a method, and nothing else', () => {
    const asked = { origin: 'https://a.example', 'access-control-request-method': 'PUT' };
    const is = (method: string, of: Record<string, string>): boolean =>
      isPreflight({ method, headers: fields(of) });
    expect(is('OPTIONS', asked)).toBe(true);
    expect(is('GET', asked)).toBe(false);
    expect(is('OPTIONS', { origin: 'https://a.example' })).toBe(false);
    expect(is('OPTIONS', { 'access-control-request-method': 'PUT' })).toBe(false);
    expect(is('OPTIONS', { ...asked, 'access-control-request-method': 'a b' })).toBe(false);
  });

  it('says what the filter allows', () => {
    const config: CORS = {
      allowOrigins: ['https://www.foo.com'],
      allowMethods: ['GET', 'OPTIONS'],
      allowHeaders: ['x-header-1', 'x-header-2'],
      exposeHeaders: ['x-header-3'],
      allowCredentials: true,
      maxAge: 3600,
    };
    expect(preflight(config, { origin: 'https://www.foo.com' })).toEqual({
      'access-control-allow-origin': 'https://www.foo.com',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, OPTIONS',
      'access-control-allow-headers': 'x-header-1, x-header-2',
      'access-control-expose-headers': 'x-header-3',
      'access-control-max-age': '3600',
      vary: 'Origin',
    });
    expect(preflight(config, { origin: 'https://b.example' })).toEqual({ vary: 'Origin' });
  });

  it('says nothing of what the filter leaves out, and may be kept for 5 seconds', () => {
    expect(preflight({ allowOrigins: ['*'] }, { origin: 'https://a.example' })).toEqual({
      'access-control-allow-origin': '*',
      'access-control-max-age': '5',
    });
  });

  it('writes no * beside credentials', () => {
    const all: CORS = {
      ...{ allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], exposeHeaders: ['*'] },
    };
    const asked = { origin: 'https://a.example', 'access-control-request-headers': 'x-a, X-B' };
    const told = preflight({ ...all, allowCredentials: true }, asked);
    expect(Object.values(told)).not.toContain('*');
    expect(told).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'x-a, X-B',
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    });
    expect(preflight(all, asked)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': '*',
      // `*` would leave Authorization out.
      'access-control-allow-headers': 'x-a, X-B',
      'access-control-expose-headers': '*',
    });
    expect(preflight(all, { origin: 'https://a.example' })).not.toHaveProperty(
      'access-control-allow-headers',
    );
    const odd = { ...asked, 'access-control-request-headers': 'x-a; drop' };
    expect(preflight(all, odd)).not.toHaveProperty('access-control-allow-headers');
  });
});

describe('an answer', () => {
  const config: CORS = { allowOrigins: ['https://a.example'], exposeHeaders: ['x-id'] };

  it('is shared with who is allowed, in place of what the upstream says of it', () => {
    const upstream = {
      'access-control-allow-origin': '*',
      'access-control-allow-credentials': 'true',
      vary: 'Accept',
      'x-id': '1',
    };
    expect(answered(config, 'https://a.example', upstream)).toEqual({
      'access-control-allow-origin': 'https://a.example',
      'access-control-expose-headers': 'x-id',
      vary: 'Accept, Origin',
      'x-id': '1',
    });
    expect(answered(config, 'https://b.example', upstream)).toEqual({
      ...{ vary: 'Accept, Origin', 'x-id': '1' },
    });
  });

  it('says that it varies also to who sends no origin, unless it does not', () => {
    expect(answered(config)).toEqual({ vary: 'Origin' });
    expect(answered(config, undefined, { vary: 'origin' })).toEqual({ vary: 'origin' });
    expect(answered(config, undefined, { vary: '*' })).toEqual({ vary: '*' });
    expect(answered({ allowOrigins: ['*'] })).toEqual({ 'access-control-allow-origin': '*' });
  });

  it('names every field that it has where credentials forbid to expose *', () => {
    const all: CORS = { allowOrigins: ['*'], exposeHeaders: ['*'] };
    const own = { 'grpc-status': '0', 'set-cookie': 'a=b' };
    expect(answered({ ...all, allowCredentials: true }, 'https://a.example', own)).toMatchObject({
      'access-control-expose-headers': 'grpc-status',
    });
    expect(answered(all, 'https://a.example', own)).toMatchObject({
      'access-control-expose-headers': '*',
    });
  });
});

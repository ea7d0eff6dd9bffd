// Redirects and rewrites as the suite has them both at a Gateway and in the mesh.
import type { Expected } from './expectation.ts';
import { prefix, requestHeaders, rule } from './manifests.ts';
import type { Case } from './world.ts';

export interface Shape {
  rules: readonly object[];
  cases: readonly Case[];
}

export function redirectTo(target: object): object {
  return { type: 'RequestRedirect', requestRedirect: target };
}

export function rewriteTo(target: object): object {
  return { type: 'URLRewrite', urlRewrite: target };
}

const fullPath = (path: string) => ({
  path: { type: 'ReplaceFullPath', replaceFullPath: path },
});
const prefixMatch = (path: string) => ({
  path: { type: 'ReplacePrefixMatch', replacePrefixMatch: path },
});

/** One rule for each path, and one request to each. */
function redirects(
  rows: readonly (readonly [prefix: string, target: object, expected: Expected, asked?: string])[],
): Shape {
  return {
    rules: rows.map(([path, target]) =>
      rule(prefix(path), undefined, { filters: [redirectTo(target)] }),
    ),
    cases: rows.map(([path, , expected, asked = path]) => [
      { path: asked },
      { status: 302, redirect: {}, ...expected },
    ]),
  };
}

const hostname = 'example.org';

export const HOST_AND_STATUS = redirects([
  ['/hostname-redirect', { hostname }, { redirect: { host: hostname } }],
  [
    '/host-and-status',
    { hostname, statusCode: 301 },
    { status: 301, redirect: { host: hostname } },
  ],
]);

const [PART, FULL] = ['/replacement-prefix', '/replacement-full'];

export const PATHS = redirects([
  [
    ...(['/original-prefix', prefixMatch(PART), { redirect: { path: `${PART}/lemon` } }] as const),
    '/original-prefix/lemon',
  ],
  [
    '/full',
    fullPath('/full-path-replacement'),
    { redirect: { path: '/full-path-replacement' } },
    '/full/path/original',
  ],
  [
    '/path-and-host',
    { hostname, ...prefixMatch(PART) },
    { redirect: { host: hostname, path: PART } },
  ],
  [
    '/path-and-status',
    { ...prefixMatch(PART), statusCode: 301 },
    { status: 301, redirect: { path: PART } },
  ],
  [
    '/full-path-and-host',
    { hostname, ...fullPath(FULL) },
    { redirect: { host: hostname, path: FULL } },
  ],
  [
    '/full-path-and-status',
    { ...fullPath(FULL), statusCode: 301 },
    { status: 301, redirect: { path: FULL } },
  ],
]);

export const PORTS = redirects([
  ['/port', { port: 8083 }, { redirect: { port: 8083 } }],
  ['/port-and-host', { hostname, port: 8083 }, { redirect: { host: hostname, port: 8083 } }],
  ['/port-and-status', { port: 8083, statusCode: 301 }, { status: 301, redirect: { port: 8083 } }],
  [
    '/port-and-host-and-status',
    { port: 8083, hostname, statusCode: 302 },
    { redirect: { host: hostname, port: 8083 } },
  ],
]);

const scheme = 'https';

export const SCHEMES = redirects([
  ['/scheme', { scheme }, { redirect: { scheme } }],
  ['/scheme-and-host', { scheme, hostname }, { redirect: { scheme, host: hostname } }],
  ['/scheme-and-status', { scheme, statusCode: 301 }, { status: 301, redirect: { scheme } }],
  [
    '/scheme-and-host-and-status',
    { scheme, hostname, statusCode: 302 },
    { redirect: { scheme, host: hostname } },
  ],
]);

/** A redirect by status alone, which keeps the method or, as 303, has it changed to GET. */
export function statusRedirect(statusCode: number, path: string, method = 'GET'): Shape {
  const filters = [redirectTo({ statusCode })];
  return {
    rules: [rule(prefix(path), undefined, { filters })],
    cases: [
      [
        { path, method },
        { status: statusCode, redirect: { path } },
      ],
    ],
  };
}

/** What several tests do to a request's fields beside what they are about. */
export const MODIFIED = {
  filter: requestHeaders({
    set: [{ name: 'X-Header-Set', value: 'set-overwrites-values' }],
    add: [
      { name: 'X-Header-Add', value: 'header-val-1' },
      { name: 'X-Header-Add-Append', value: 'header-val-2' },
    ],
    remove: ['X-Header-Remove'],
  }),
  sent: { 'X-Header-Remove': 'remove-val', 'X-Header-Add-Append': 'append-val-1' },
  arrives: {
    headers: {
      'X-Header-Add': 'header-val-1',
      'X-Header-Add-Append': 'append-val-1,header-val-2',
      'X-Header-Set': 'set-overwrites-values',
    },
    absent: ['X-Header-Remove'],
  },
} as const;

/** Rewrites of paths on the way to a backend: a reference to it, and its name in answers. */
export function pathRewrites(ref: object, backend: string): Shape {
  const rows = [
    ['/prefix/one', prefixMatch('/one'), '/prefix/one/two', '/one/two', false],
    ['/strip-prefix', prefixMatch('/'), '/strip-prefix/three', '/three', false],
    ['/full/one', fullPath('/one'), '/full/one/two', '/one', false],
    [
      ...(['/full/rewrite-path-and-modify-headers', fullPath('/test')] as const),
      ...(['/full/rewrite-path-and-modify-headers/test', '/test', true] as const),
    ],
    [
      ...(['/prefix/rewrite-path-and-modify-headers', prefixMatch('/prefix')] as const),
      ...(['/prefix/rewrite-path-and-modify-headers/one', '/prefix/one', true] as const),
    ],
  ] as const;
  return {
    rules: rows.map(([path, target, , , modifies]) =>
      rule(prefix(path), ref, {
        filters: [rewriteTo(target), ...(modifies ? [MODIFIED.filter] : [])],
      }),
    ),
    cases: [
      ...rows.map(([, , asked, path, modifies]): Case =>
        modifies
          ? [
              { path: asked, headers: { ...MODIFIED.sent, 'X-Header-Set': 'set-val' } },
              { backend, arrives: { path, ...MODIFIED.arrives } },
            ]
          : [{ path: asked }, { backend, arrives: { path } }],
      ),
      // Nothing is left of this path, and nothing is no path.
      [{ path: '/strip-prefix' }, { backend, arrives: { path: '/' } }],
    ],
  };
}

export { fullPath, prefixMatch };

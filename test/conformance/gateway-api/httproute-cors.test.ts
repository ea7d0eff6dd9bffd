import { conformanceTest } from './conformance.ts';
import type { Expected } from './expectation.ts';
import { SAME, httpRoute, prefix, rule } from './manifests.ts';
import type { Case } from './world.ts';

const V1 = 'infra-backend-v1';
const FOO = 'https://www.foo.com';
const OTHER = 'https://foobar.com';

const allow = (name: string): string => `access-control-allow-${name}`;
const expose = 'access-control-expose-headers';
const CREDENTIALS = allow('credentials');

function preflight(
  path: string,
  origin: string,
  method: string,
  fields: string | undefined,
  answer: Expected['answer'],
  status: Expected['status'] = [200, 204],
): Case {
  return [
    {
      path,
      method: 'OPTIONS',
      headers: {
        Origin: origin,
        'access-control-request-method': method,
        ...(fields === undefined ? {} : { 'access-control-request-headers': fields }),
      },
    },
    { status, ...(answer === undefined ? {} : { answer }) },
  ];
}

function simple(path: string, origin: string, method: string, answer: Expected['answer']): Case {
  const given = answer === undefined ? {} : { answer };
  return [
    { path, method, headers: { Origin: origin } },
    { backend: V1, ...given },
  ];
}

/** A list in either order, with or without spaces. */
function either(first: string, second: string): string[] {
  return [', ', ','].flatMap((comma) => [`${first}${comma}${second}`, `${second}${comma}${first}`]);
}

const ASKED = 'x-header-1, x-header-2';

conformanceTest('HTTPRouteCORS', async (world) => {
  const cors = (path: string, config: object): object =>
    rule(prefix(path), V1, { filters: [{ type: 'CORS', cors: config }] });
  const [one, two, wild] = ['/cors-1', '/cors-2', '/cors-wildcard-origin'];
  const open = '/cors-wildcard-methods-headers';
  const everything = { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'] };
  const routes = {
    'several-origins': [
      cors(one, {
        allowOrigins: [FOO, 'https://*.bar.com'],
        allowMethods: ['GET', 'OPTIONS'],
        allowHeaders: ['x-header-1', 'x-header-2'],
        exposeHeaders: ['x-header-3', 'x-header-4'],
        allowCredentials: true,
        maxAge: 3600,
      }),
    ],
    'wildcard-methods': [cors(two, { allowOrigins: [FOO], allowMethods: ['*'] })],
    'wildcard-origin': [
      cors(wild, { allowOrigins: ['*'], allowMethods: ['PUT'], allowCredentials: false }),
    ],
    'wildcard-headers': [
      cors(open, { ...everything, allowCredentials: true }),
      cors(`${open}-unauth`, { ...everything, allowCredentials: false }),
    ],
  };
  await world.apply(
    SAME,
    ...Object.entries(routes).map(([name, rules]) => httpRoute(name, 'same-namespace', rules)),
  );
  const names = Object.keys(routes).map((name) => `HTTPRoute/${name}`);
  world.status.accepted('same-namespace', ...names);

  const secret = { [CREDENTIALS]: 'true' };
  const noSecret = [CREDENTIALS];
  const fromOne = (origin: string) => ({
    headers: {
      [allow('origin')]: origin,
      [allow('methods')]: either('GET', 'OPTIONS'),
      [allow('headers')]: either('x-header-1', 'x-header-2'),
      [expose]: either('x-header-3', 'x-header-4'),
      'access-control-max-age': '3600',
      ...secret,
    },
  });
  const bar = 'https://www.bar.com';
  const deep = 'https://xpto.www.bar.com';
  const ported = `${OTHER}:12345`;
  const third = 'https://other.foo.com';
  const refused = { absent: [allow('origin')] };
  const anyOrigin = (origin: string) => ({ [allow('origin')]: [origin, '*'] });
  await world.expect('same-namespace', [
    // An origin as it is written, one that a wildcard takes, and one with more dots.
    ...[FOO, bar, deep].map((origin) => preflight(one, origin, 'GET', ASKED, fromOne(origin))),
    preflight(one, OTHER, 'GET', undefined, refused, [200, 204, 403]),
    simple(one, FOO, 'GET', { headers: { [allow('origin')]: FOO } }),
    simple(one, bar, 'GET', { headers: { [allow('origin')]: bar } }),
    simple(one, OTHER, 'GET', refused),

    preflight(two, FOO, 'POST', undefined, {
      headers: { [allow('origin')]: FOO, [allow('methods')]: ['POST', '*'] },
      absent: noSecret,
    }),

    ...[OTHER, ported].map((origin) =>
      preflight(wild, origin, 'PUT', undefined, {
        headers: { ...anyOrigin(origin), [allow('methods')]: 'PUT' },
        absent: noSecret,
      }),
    ),
    simple(wild, ported, 'PUT', { headers: anyOrigin(ported) }),
    simple(wild, OTHER, 'PUT', { headers: anyOrigin(OTHER), absent: noSecret }),

    // With credentials nothing may be answered with a `*`.
    preflight(open, third, 'PUT', ASKED, {
      headers: {
        [allow('origin')]: third,
        [allow('methods')]: 'PUT',
        [allow('headers')]: either('x-header-1', 'x-header-2'),
        ...secret,
      },
    }),
    preflight(`${open}-unauth`, third, 'PUT', ASKED, {
      headers: {
        ...anyOrigin(third),
        [allow('methods')]: ['PUT', '*'],
        [allow('headers')]: [...either('x-header-1', 'x-header-2'), '*'],
      },
      absent: noSecret,
    }),
    simple(open, third, 'GET', { headers: { [allow('origin')]: third, ...secret } }),
    simple(`${open}-unauth`, third, 'GET', { headers: anyOrigin(third), absent: noSecret }),
  ]);
});

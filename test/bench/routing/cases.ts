// What is measured: a kind of match each, in as many routes as asked for.
import type { Case } from './world.ts';

const resource = (index: number): string => `/api/v1/resource-${index}`;

/** Each route has a path of its own: one decision has to cost the same however many there are. */
export const LOOKUPS: readonly Case[] = [
  {
    name: 'exact path',
    match: (index) => ({ path: { type: 'Exact', value: `${resource(index)}/items` } }),
    request: (index) => ({ path: `${resource(index)}/items` }),
  },
  {
    name: 'prefix',
    match: (index) => ({ path: { value: resource(index) } }),
    request: (index) => ({ path: `${resource(index)}/items/4711` }),
  },
  {
    name: 'prefixes of 3 to 7 elements',
    match: (index) => ({ path: { value: resource(index) + '/a/b/c/d'.slice(0, 2 * (index % 5)) } }),
    request: (index) => ({
      path: `${resource(index)}${'/a/b/c/d'.slice(0, 2 * (index % 5))}/v/w/x/y/z`,
    }),
  },
  {
    name: 'prefix, method, two headers, a parameter',
    match: (index) => ({
      path: { value: resource(index) },
      method: 'GET',
      headers: [
        { name: 'x-version', value: 'v2' },
        { name: 'x-tenant-name', value: 'a-tenant-with-a-name' },
      ],
      queryParams: [{ name: 'page', value: '22' }],
    }),
    request: (index) => ({
      path: `${resource(index)}/items/4711`,
      query: '?sort=name&page=22',
      headers: ['X-Version', 'v2', 'X-Tenant-Name', 'a-tenant-with-a-name'],
    }),
  },
  {
    name: 'a host each, prefix',
    hostname: (index) => `tenant-${index}.example`,
    match: () => ({ path: { value: '/api' } }),
    request: (index) => ({ path: '/api/v1', host: `tenant-${index}.example` }),
  },
  {
    name: 'a wildcard host each, prefix',
    hostname: (index) => `*.tenant-${index}.example`,
    match: () => ({ path: { value: '/api' } }),
    request: (index) => ({ path: '/api/v1', host: `a.b.tenant-${index}.example` }),
  },
];

const pattern = (value: string): object => ({ path: { type: 'RegularExpression', value } });

/** All on one host: what it costs that there are more of them. */
export const BY_NUMBER: readonly Case[] = [
  {
    name: 'expression, a literal beginning each',
    match: (index) => pattern(`/part-${index}/[0-9]+/x`),
    request: (index) => ({ path: `/part-${index}/4711/x` }),
  },
  {
    name: 'expression, one literal beginning',
    match: (index) => pattern(`/users/[0-9]+/part-${index}`),
    request: (index) => ({ path: `/users/4711/part-${index}` }),
  },
  {
    name: 'header value, one path',
    match: (index) => ({
      path: { value: '/api' },
      headers: [{ name: 'x-tenant', value: `tenant-${index}` }],
    }),
    request: (index) => ({ path: '/api/v1', headers: ['X-Tenant', `tenant-${index}`] }),
  },
];

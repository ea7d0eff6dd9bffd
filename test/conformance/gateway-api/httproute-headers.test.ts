import { expect } from 'vitest';
import { conformanceTest } from './conformance.ts';
import { MANY, MANY_AFTER, MODIFIED, MODIFIERS, requestCases } from './header-cases.ts';
import {
  SAME,
  httpRoute,
  prefix,
  requestHeaders,
  responseHeaders,
  rule,
  set,
  to,
} from './manifests.ts';
import type { Case } from './world.ts';

const [V1, V2] = ['infra-backend-v1', 'infra-backend-v2'] as const;
conformanceTest('HTTPRouteRequestHeaderModifier', async (world) => {
  const rules = Object.entries(MODIFIERS).map(([path, modifier]) =>
    rule(prefix(path), V1, { filters: [requestHeaders(modifier)] }),
  );
  await world.apply(SAME, httpRoute('request-header-modifier', 'same-namespace', rules));
  world.status.accepted('same-namespace', 'HTTPRoute/request-header-modifier');
  await world.expect('same-namespace', requestCases(V1));
});

conformanceTest('HTTPRouteResponseHeaderModifier', async (world) => {
  const names = ['x-lowercase-add', 'x-Mixedcase-ADD-1', 'X-mixeDcase-add-2', 'X-UPPERCASE-ADD'];
  const added = names.map((name) => ({ name, value: name.toLowerCase().slice(2) }));
  const lower = MODIFIERS['/case-insensitivity'];
  const modifiers = {
    ...MODIFIERS,
    '/case-insensitivity': { ...lower, add: [...lower.add, ...added] },
  };
  const both = '/response-and-request-header-modifiers';
  const { add, ...rest } = MODIFIERS['/multiple'];
  await world.apply(
    SAME,
    httpRoute('response-header-modifier', 'same-namespace', [
      ...Object.entries(modifiers).map(([path, modifier]) =>
        rule(prefix(path), V1, { filters: [responseHeaders(modifier)] }),
      ),
      rule(prefix(both), V1, {
        filters: [
          responseHeaders({ ...rest, add: add.slice(0, 2) }),
          requestHeaders({
            set: [{ name: 'X-Header-Set', value: 'set-overwrites-values' }],
            add: [
              { name: 'X-Header-Add', value: 'header-val-1' },
              { name: 'X-Header-Add-Append', value: 'header-val-2' },
            ],
            remove: ['X-Header-Remove'],
          }),
        ],
      }),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/response-header-modifier');
  const addedFields = Object.fromEntries(names.map((name) => [name, name.toLowerCase().slice(2)]));
  const { 'X-Header-Add-3': _third, ...two } = MANY_AFTER;
  await world.expect('same-namespace', [
    ...MODIFIED.map(([path, sets, after, absent]): Case => {
      const more = path === '/case-insensitivity' ? addedFields : {};
      const answer = { headers: { ...after, ...more }, absent };
      return [{ path }, { backend: V1, sets, answer }];
    }),
    [
      {
        path: both,
        headers: {
          'X-Header-Remove': 'remove-val',
          'X-Header-Add-Append': 'append-val-1',
          'X-Header-Echo': 'echo',
        },
      },
      {
        backend: V1,
        sets: { ...MANY, 'X-Header-Remove-1': 'remove-val-1', 'X-Header-Echo': 'echo' },
        arrives: {
          headers: {
            'X-Header-Add': 'header-val-1',
            'X-Header-Set': 'set-overwrites-values',
            'X-Header-Add-Append': 'append-val-1,header-val-2',
            'X-Header-Echo': 'echo',
          },
          absent: ['X-Header-Remove'],
        },
        answer: {
          headers: { ...two, 'X-Header-Echo': 'echo' },
          absent: ['X-Header-Remove-1', 'X-Header-Remove-2'],
        },
      },
    ],
  ]);
});

conformanceTest('HTTPRouteBackendRequestHeaderModifier', async (world) => {
  const rules = Object.entries(MODIFIERS).map(([path, modifier]) =>
    rule(prefix(path), to(V1, { filters: [requestHeaders(modifier)] })),
  );
  await world.apply(SAME, httpRoute('backend-header-modifier', 'same-namespace', rules));
  world.status.accepted('same-namespace', 'HTTPRoute/backend-header-modifier');
  await world.expect('same-namespace', requestCases(V1));
});

conformanceTest('HTTPRouteRequestHeaderModifierBackendWeights', async (world) => {
  const backends = [V1, V2].map((name) =>
    to(name, { weight: 10, filters: [requestHeaders(set('Backend', name))] }),
  );
  const name = 'request-header-modifier-backend-weights';
  await world.apply(SAME, httpRoute(name, 'same-namespace', [rule(undefined, backends)]));
  world.status.accepted('same-namespace', `HTTPRoute/${name}`);
  const answered = new Set<string>();
  for (let sent = 0; sent < 100; sent++) {
    const { echo } = await world.ask('same-namespace', { path: '/' });
    const [said = '', ...more] = echo?.headers['backend'] ?? [];
    expect(more).toEqual([]);
    expect(echo?.pod).toBe(`${said}-0`);
    answered.add(said);
  }
  expect([...answered].toSorted()).toEqual([V1, V2]);
});

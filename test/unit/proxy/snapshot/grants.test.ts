import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { dump } from '../support/dump.ts';
import { Plane } from '../support/plane.ts';
import { World, announced, gateway, grant, route, rule, service } from '../support/world.ts';

const GROUP = 'gateway.networking.k8s.io';
const VAULT = { name: 'vault', namespace: 'bank', port: 80 };
const FROM_SHOP = { kind: 'HTTPRoute', namespace: 'shop' };
const NOT_PERMITTED = 'HTTPRoute/shop/r spec.rules[0].backendRefs[0].namespace invalid_reference';

function toBank(more: object = {}): object {
  return route('r', { rules: [rule('/', 'app', { backendRefs: [VAULT] })], ...more });
}

function shop(...more: object[]): World {
  return new World(gateway('edge', [{}]), service('bank/vault'), ...more);
}

describe('a reference into another namespace', () => {
  it.each([
    ['nobody granted', undefined, false],
    ['all Services are granted', grant('bank/g', FROM_SHOP), true],
    ['this Service is', grant('bank/g', FROM_SHOP, { kind: 'Service', name: 'vault' }), true],
    ['another Service is', grant('bank/g', FROM_SHOP, { kind: 'Service', name: 'till' }), false],
    ['Secrets are', grant('bank/g', FROM_SHOP, { kind: 'Secret' }), false],
    ['a Service of another group is', grant('bank/g', FROM_SHOP, other('Service')), false],
    ['TCPRoutes are those who may', grant('bank/g', { ...FROM_SHOP, kind: 'TCPRoute' }), false],
    ['routes of another group may', grant('bank/g', { ...FROM_SHOP, group: 'a.example' }), false],
    ['routes of elsewhere may', grant('bank/g', { ...FROM_SHOP, namespace: 'mall' }), false],
    ['a grant stands in the own namespace', grant('shop/g', FROM_SHOP), false],
  ])('%s', (_name, granted, isPermitted) => {
    const world = shop(...(granted === undefined ? [] : [granted]), toBank());
    expect(world.findings).toEqual(isPermitted ? [] : [NOT_PERMITTED]);
    expect(edgeOf(world)).toContain(`"valid":${String(isPermitted)}`);
  });
});

function edgeOf({ snapshot }: World): string {
  return JSON.stringify((dump(snapshot) as { edge: unknown }).edge);
}

function other(kind: string): { group: string; kind: string } {
  return { group: 'a.example', kind };
}

test('a grant counts as soon as it comes, and ends when it goes', () => {
  const world = shop(toBank());
  expect(world.findings).toEqual([NOT_PERMITTED]);
  world.apply(grant('bank/g', FROM_SHOP));
  expect(world.findings).toEqual([]);
  world.apply(grant('bank/g', FROM_SHOP, { kind: 'Service', name: 'till' }));
  expect(world.findings).toEqual([NOT_PERMITTED]);
  world.apply(grant('bank/h', FROM_SHOP));
  expect(world.findings).toEqual([]);
  world.delete({ kind: 'ReferenceGrant', namespace: 'bank', name: 'h' });
  expect(world.findings).toEqual([NOT_PERMITTED]);
});

test('without a grant a request gets 500, and a grant of v1beta1 is one, too', async () => {
  const world = shop(toBank());
  const ask = async (): Promise<string> => {
    const plane = new Plane(world.snapshot).announce('bank/vault', announced('127.0.0.1'));
    return (await plane.ask()).said;
  };
  expect(await ask()).toBe('500 invalid_backend');
  world.apply({ ...grant('bank/g', FROM_SHOP), apiVersion: `${GROUP}/v1beta1` });
  expect(await ask()).toBe('200');
  world.delete({ kind: 'ReferenceGrant', namespace: 'bank', name: 'g' });
  expect(await ask()).toBe('500 invalid_backend');
});

test('the hint is the grant to write, and it is enough', () => {
  const world = shop(toBank());
  const [problem] = world.problems;
  expect(problem?.message).toBe(
    'no ReferenceGrant in bank lets HTTPRoute of shop refer to the Service vault',
  );
  world.apply(parse((problem?.hint ?? '').replace('apply ', '')));
  expect(world.findings).toEqual([]);
});

test('whether there is such a Service is not told to who may not refer to it', () => {
  const [there, gone] = [shop(toBank()), new World(gateway('edge', [{}]), toBank())];
  expect(gone.problems).toEqual(there.problems);
  gone.apply(grant('bank/g', FROM_SHOP));
  expect(gone.findings).toEqual([
    'HTTPRoute/shop/r spec.rules[0].backendRefs[0].name missing_reference',
  ]);
});

test('a route of Services alone needs no grant: it exposes nothing that was not reachable', () => {
  const mesh = { kind: 'Service', group: '', name: 'app' };
  const world = shop(service('app'), toBank({ parentRefs: [mesh] }));
  expect(world.findings).toEqual([]);
  world.apply(toBank({ parentRefs: [mesh, { name: 'edge' }] }));
  expect(world.findings).toEqual([NOT_PERMITTED]);
});

test.each([
  ['a group', { ...VAULT, group: 'a.example', kind: 'Service' }, 'Service of group a.example'],
  ['a kind', { ...VAULT, kind: 'Bucket' }, 'not a Bucket'],
])('a backend of %s that is none is reported as such, grant or not', (_name, ref, words) => {
  const world = shop(route('r', { rules: [rule('/', 'app', { backendRefs: [ref] })] }));
  expect(world.findings).toEqual([
    'HTTPRoute/shop/r spec.rules[0].backendRefs[0].kind invalid_reference',
  ]);
  expect(world.problems[0]?.message).toContain(words);
});

const CERTIFICATE = { name: 'web', namespace: 'bank' };
const CA = { kind: 'ConfigMap', name: 'ca', namespace: 'bank' };
const OF_GATEWAYS = { kind: 'Gateway', namespace: 'shop' };

function https(certificateRefs: object[] = [CERTIFICATE], more: object = {}): object {
  return gateway('edge', [{ protocol: 'HTTPS', port: 443, tls: { certificateRefs } }], more);
}

test('a listener without a permitted certificate is closed, and opens with its routes', () => {
  const rules = { rules: [rule('/', 'app')] };
  const world = new World(https(), service('app'), route('r', rules));
  expect(world.findings).toEqual([
    'Gateway/shop/edge spec.listeners[0].tls.certificateRefs[0].namespace invalid_reference',
  ]);
  expect(world.snapshot.listeners).toEqual([]);
  world.apply(grant('bank/g', OF_GATEWAYS, { kind: 'Secret', name: 'web' }));
  expect(world.findings).toEqual([]);
  expect(world.snapshot.listeners.map(({ tls }) => tls?.certificates)).toEqual([['bank/web']]);
  expect(edgeOf(world)).toContain('shop/app');
  world.delete({ kind: 'ReferenceGrant', namespace: 'bank', name: 'g' });
  expect(world.snapshot.listeners).toEqual([]);
});

test('of several certificates the permitted one is served', () => {
  const world = new World(https([CERTIFICATE, { name: 'own' }]));
  expect(world.findings).toHaveLength(1);
  expect(world.snapshot.listeners.map(({ tls }) => tls?.certificates)).toEqual([['shop/own']]);
});

test('authorities of clients and the own certificate of a Gateway need grants as well', () => {
  const frontend = { default: { validation: { caCertificateRefs: [CA] } } };
  const backend = { clientCertificateRef: CERTIFICATE };
  const world = new World(https([{ name: 'own' }], { tls: { frontend, backend } }));
  expect(world.findings).toEqual([
    'Gateway/shop/edge spec.tls.backend.clientCertificateRef.namespace invalid_reference',
    'Gateway/shop/edge ' +
      'spec.tls.frontend.default.validation.caCertificateRefs[0].namespace invalid_reference',
  ]);
  // Nobody is let in rather than everybody.
  expect(world.snapshot.listeners).toEqual([]);
  world.apply(
    grant('bank/g', OF_GATEWAYS, { kind: 'Secret' }),
    grant('bank/h', OF_GATEWAYS, { kind: 'ConfigMap', name: 'ca' }),
  );
  expect(world.findings).toEqual([]);
  const [listener] = world.snapshot.listeners;
  expect(listener?.tls?.clientAuthorities).toEqual(['bank/ca']);
  expect(listener?.clientCertificate).toBe('bank/web');
});

test('what is no Secret is no certificate, and what is no ConfigMap no authority', () => {
  const frontend = {
    default: { validation: { caCertificateRefs: [{ kind: 'Bundle', group: GROUP, name: 'ca' }] } },
  };
  const world = new World(https([{ kind: 'ConfigMap', name: 'web' }], { tls: { frontend } }));
  expect(world.problems.map(({ path, message }) => [path, message])).toEqual([
    [
      'spec.listeners[0].tls.certificateRefs[0].kind',
      'a certificate is in a Secret, not in a ConfigMap',
    ],
    [
      'spec.tls.frontend.default.validation.caCertificateRefs[0].kind',
      `authorities are in a ConfigMap or a Secret, not in a Bundle of group ${GROUP}`,
    ],
  ]);
});

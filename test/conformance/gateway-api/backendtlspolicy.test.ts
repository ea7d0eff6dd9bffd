import { until } from '#test/processes.ts';
import { expect } from 'vitest';
import { authority, leaf, stranger, trusting } from './certificates.ts';
import type { Pod } from './backends.ts';
import { type World, conformanceTest } from './conformance.ts';
import {
  SAME,
  exact,
  from,
  gateway,
  httpRoute,
  https,
  resource,
  route,
  rule,
  service,
  slice,
  tls,
  to,
} from './manifests.ts';
import { converse } from './streams.ts';

const URI = 'spiffe://abc.example.com/test-identity';
const SERVER = leaf(['abc.example.com', 'other.example.com'], { uris: [URI] });
const CA = [{ group: '', kind: 'ConfigMap', name: 'ca' }];
const FINE = { Accepted: ['True', 'Accepted'], ResolvedRefs: 'True' } as const;
const NOBODY = {
  Accepted: ['False', 'NoValidCACertificate'],
  ResolvedRefs: ['False', 'InvalidCACertificateRef'],
} as const;
const CONFLICTED = { Accepted: ['False', 'Conflicted'] } as const;
/** What a client may get in place of the answer of a backend that is not to be trusted. */
const BROKEN = { status: [500, 502, 503] };

function policy(name: string, target: object, validation: object): object {
  const targetRefs = [{ group: '', kind: 'Service', ...target }];
  return resource('BackendTLSPolicy', name, {
    targetRefs,
    validation: { caCertificateRefs: CA, hostname: 'abc.example.com', ...validation },
  });
}

/** A server over TLS behind several Services, each with these ports. */
async function behind(
  world: World,
  services: Record<string, readonly { name: string; port: number }[]>,
): Promise<Pod> {
  const pod = await world.pod('tls-backend', 'https', { tls: SERVER, hasService: false });
  const { port } = pod;
  await world.apply(
    ...Object.entries(services).flatMap(([name, ports]) => [
      service(name, ports),
      slice(
        name,
        ports.map((each) => ({ name: each.name, port })),
      ),
    ]),
  );
  return pod;
}

const BTLS = [{ name: 'btls', port: 443 }];

/** `tls-backend` is whose server answers, whatever the Service is called. */
function reached(serverName: string): object {
  return { backend: 'tls-backend', arrives: { serverName } };
}

conformanceTest('BackendTLSPolicy', async (world) => {
  world.secret('ca', undefined, [authority]);
  world.secret('other-ca', undefined, [stranger]);
  world.secret('web', leaf(['https-listener.org']));
  world.secret('changing-ca', undefined, 'written later');
  const names = ['normative', 'host-mismatch', 'cert-mismatch', 'reconcile'] as const;
  const pod = await behind(world, Object.fromEntries(names.map((name) => [name, BTLS])));
  const path = (name: string): string => `/${name}`;
  const rules = names.map((name) => rule(exact(path(name)), to(name, { port: 443 })));
  const target = (name: string): object => ({ name, sectionName: 'btls' });
  await world.apply(
    SAME,
    gateway('with-https', [https('https', 'web', from('Same'))]),
    httpRoute('plain', 'same-namespace', rules, { hostnames: ['abc.example.com'] }),
    httpRoute('reencrypt', 'with-https', rules.slice(0, 1), { hostnames: ['https-listener.org'] }),
    policy('normative', target('normative'), {}),
    policy('host-mismatch', target('host-mismatch'), { hostname: 'mismatch.example.com' }),
    policy('cert-mismatch', target('cert-mismatch'), {
      caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'other-ca' }],
    }),
    policy('reconcile', target('reconcile'), {}),
  );
  world.status.accepted('with-https', 'HTTPRoute/reencrypt');
  world.status.accepted('same-namespace', 'HTTPRoute/plain');
  world.status.ancestor('with-https', 'BackendTLSPolicy/normative', FINE);
  for (const name of names) {
    world.status.ancestor('same-namespace', `BackendTLSPolicy/${name}`, FINE);
  }
  const host = 'abc.example.com';
  await world.expect(
    'with-https',
    [[{ host: 'https-listener.org', path: '/normative' }, reached(host)]],
    { tls: trusting() },
  );
  await world.expect('same-namespace', [
    [{ host, path: '/normative' }, reached(host)],
    [{ host, path: '/host-mismatch' }, BROKEN],
    [{ host, path: '/cert-mismatch' }, BROKEN],
    [{ host, path: '/reconcile' }, reached(host)],
  ]);

  // What stands in the same place is another answer, without a change of the policy.
  const changing = { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'changing-ca' }] };
  await world.apply(policy('reconcile', target('reconcile'), changing));
  const asked = { host, path: '/reconcile' };
  world.status.ancestor('same-namespace', 'BackendTLSPolicy/reconcile', NOBODY);
  await world.expect('same-namespace', [[asked, BROKEN]]);
  for (const [authorities, said, isTrusted] of [
    [[authority], FINE, true],
    [[stranger], FINE, false],
    [[], NOBODY, false],
    [[authority], FINE, true],
  ] as const) {
    world.changeAuthorities('changing-ca', authorities);
    await until('the new authorities', async () => {
      pod.disconnect();
      const { status } = await world.ask('same-namespace', asked);
      const is = world.status.ancestorIs('same-namespace', 'BackendTLSPolicy/reconcile', said);
      return is && (isTrusted ? status === 200 : status >= 500);
    });
  }
});

conformanceTest('BackendTLSPolicyConflictResolution', async (world) => {
  world.secret('ca', undefined, [authority]);
  const two = [
    { name: 'https-1', port: 443 },
    { name: 'https-2', port: 8443 },
  ];
  await behind(world, { whole: two.slice(0, 1), section: two, apart: two });
  const first = (name: string): object => ({ name, sectionName: 'https-1' });
  const other = { hostname: 'other.example.com' };
  await world.apply(
    SAME,
    httpRoute('conflicts', 'same-namespace', [
      rule(exact('/whole'), to('whole', { port: 443 })),
      rule(exact('/section'), to('section', { port: 443 })),
      rule(exact('/apart-1'), to('apart', { port: 443 })),
      rule(exact('/apart-2'), to('apart', { port: 8443 })),
    ]),
    // Of the same age, the first by name wins.
    policy('whole-1', { name: 'whole' }, other),
    policy('whole-2', { name: 'whole' }, {}),
    policy('section-1', first('section'), other),
    policy('section-2', first('section'), {}),
    policy('apart-section', first('apart'), other),
    policy('apart-whole', { name: 'apart' }, {}),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/conflicts');
  for (const name of ['whole-1', 'section-1', 'apart-section', 'apart-whole']) {
    world.status.ancestor('same-namespace', `BackendTLSPolicy/${name}`, {
      Accepted: ['True', 'Accepted'],
    });
  }
  for (const name of ['whole-2', 'section-2']) {
    world.status.ancestor('same-namespace', `BackendTLSPolicy/${name}`, CONFLICTED);
  }
  await world.expect('same-namespace', [
    [{ path: '/whole' }, reached('other.example.com')],
    [{ path: '/section' }, reached('other.example.com')],
    [{ path: '/apart-1' }, reached('other.example.com')],
    [{ path: '/apart-2' }, reached('abc.example.com')],
  ]);
});

conformanceTest('BackendTLSPolicyInvalidCACertificateRef', async (world) => {
  await behind(world, { nonexistent: BTLS, malformed: BTLS });
  // A ConfigMap without a certificate in it.
  world.secret('malformed-ca', undefined, []);
  const names = ['nonexistent', 'malformed'];
  await world.apply(
    SAME,
    httpRoute(
      'invalid',
      'same-namespace',
      names.map((name) => rule(exact(`/${name}`), to(name, { port: 443 }))),
    ),
    ...names.map((name) =>
      policy(name, { name }, { caCertificateRefs: [{ ...CA[0], name: `${name}-ca` }] }),
    ),
  );
  for (const name of names) {
    world.status.ancestor('same-namespace', `BackendTLSPolicy/${name}`, NOBODY);
    await world.expect('same-namespace', [[{ path: `/${name}` }, BROKEN]]);
  }
});

conformanceTest('BackendTLSPolicyInvalidKind', async (world) => {
  await behind(world, { 'invalid-kind': BTLS });
  const refs = [{ group: 'invalid.io', kind: 'InvalidKind', name: 'invalid-kind' }];
  await world.apply(
    SAME,
    httpRoute('invalid', 'same-namespace', [
      rule(exact('/invalid-kind'), to('invalid-kind', { port: 443 })),
    ]),
    policy('invalid-kind', { name: 'invalid-kind' }, { caCertificateRefs: refs }),
  );
  world.status.ancestor('same-namespace', 'BackendTLSPolicy/invalid-kind', {
    Accepted: ['False', 'NoValidCACertificate'],
    ResolvedRefs: ['False', 'InvalidKind'],
  });
  await world.expect('same-namespace', [[{ path: '/invalid-kind' }, BROKEN]]);
});

conformanceTest('BackendTLSPolicyObservedGenerationBump', async (world) => {
  world.secret('ca', undefined, [authority]);
  await behind(world, { bumped: BTLS });
  const target = { name: 'bumped', sectionName: 'btls' };
  await world.apply(
    SAME,
    httpRoute('bumped', 'same-namespace', [rule(undefined, to('bumped', { port: 443 }))]),
    policy('bumped', target, {}),
  );
  const before = world.generation('BackendTLSPolicy/bumped');
  world.status.ancestor('same-namespace', 'BackendTLSPolicy/bumped', { Accepted: 'True' });
  await world.apply(policy('bumped', target, { hostname: 'foo.example.com' }));
  world.status.ancestor('same-namespace', 'BackendTLSPolicy/bumped', { Accepted: 'True' });
  expect(world.generation('BackendTLSPolicy/bumped')).toBeGreaterThan(before);
});

conformanceTest('BackendTLSPolicySANValidation', async (world) => {
  world.secret('ca', undefined, [authority]);
  const dns = (hostname: string): object => ({ type: 'Hostname', hostname });
  const uri = (text: string): object => ({ type: 'URI', uri: text });
  const [ours, theirs] = [URI, 'spiffe://def.example.com/test-identity'];
  const cases: Record<string, readonly object[]> = {
    dns: [dns('abc.example.com')],
    'dns-mismatch': [dns('dce.example.com')],
    uri: [uri(ours)],
    'uri-mismatch': [uri(theirs)],
    several: [uri(ours), dns('abc.example.com')],
    'several-mismatch': [uri(theirs), dns('def.example.com')],
  };
  const names = Object.keys(cases);
  await behind(world, Object.fromEntries(names.map((name) => [name, BTLS])));
  await world.apply(
    SAME,
    httpRoute(
      'san',
      'same-namespace',
      names.map((name) => rule(exact(`/${name}`), to(name, { port: 443 }))),
    ),
    ...Object.entries(cases).map(([name, subjectAltNames]) =>
      policy(name, { name, sectionName: 'btls' }, { subjectAltNames }),
    ),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/san');
  for (const name of names) {
    world.status.ancestor('same-namespace', `BackendTLSPolicy/${name}`, {
      Accepted: ['True', 'Accepted'],
    });
    const outcome = name.endsWith('mismatch') ? BROKEN : reached('abc.example.com');
    await world.expect('same-namespace', [[{ path: `/${name}` }, outcome]]);
  }
});

conformanceTest('BackendTLSPolicyTLSRouteTerminate', async (world) => {
  world.secret('ca', undefined, [authority]);
  world.secret('tls-terminate', leaf(['tls.example.com']));
  await world.pod('tls-stream', 'tls', { tls: SERVER, port: { name: 'btls' } });
  const listener = tls('tls', 'tls-terminate', { port: 8443, hostname: 'tls.example.com' });
  await world.apply(
    gateway('tls-gateway', [listener]),
    route('TLSRoute', 'terminated', 'tls-gateway', [rule(undefined, 'tls-stream')], {
      hostnames: ['tls.example.com'],
    }),
    policy('terminated', { name: 'tls-stream', sectionName: 'btls' }, {}),
  );
  world.status.accepted('tls-gateway', 'TLSRoute/terminated');
  world.status.ancestor('tls-gateway', 'BackendTLSPolicy/terminated', FINE);
  const port = world.port('tls-gateway', { port: 8443 });
  expect(await converse(port, trusting('tls.example.com'))).toMatchObject({
    service: 'infra/tls-stream',
    isTls: true,
    serverName: 'abc.example.com',
  });
});

conformanceTest('GatewayTLSBackendClientCertificate', async (world) => {
  world.secret('ca', undefined, [authority]);
  const client = leaf(['client.example.com']);
  world.secret('client-certificate', client);
  const secured = { ...SERVER, clientAuthorities: [authority.cert] };
  await world.pod('tls-backend', 'https', { tls: secured, port: { name: 'https' } });
  const clientCertificateRef = { group: '', kind: 'Secret', name: 'client-certificate' };
  await world.apply(
    gateway('with-certificate', [SAME_LISTENER], { tls: { backend: { clientCertificateRef } } }),
    httpRoute('secured', 'with-certificate', [rule(exact('/'), 'tls-backend')]),
    policy('secured', { name: 'tls-backend' }, {}),
  );
  world.status.accepted('with-certificate', 'HTTPRoute/secured');
  world.status.ancestor('with-certificate', 'BackendTLSPolicy/secured', FINE);
  world.status.conditions('Gateway/with-certificate', { ResolvedRefs: 'True' });
  const arrives = { serverName: 'abc.example.com', clientCertificate: client.cert };
  await world.expect('with-certificate', [[{ path: '/' }, { backend: 'tls-backend', arrives }]]);
});

const SAME_LISTENER = { name: 'http', port: 80, protocol: 'HTTP', ...from('Same') };

conformanceTest('GatewayInvalidTLSBackendConfiguration', async (world) => {
  world.secret('web', leaf(['abc.example.com']));
  world.secret('malformed', { cert: '', key: '' });
  world.secret('web-backend/certificate', leaf(['abc.example.com']));
  const secret = { group: '', kind: 'Secret', name: 'web' };
  const cases = {
    nonexistent: [{ ...secret, name: 'nonexistent' }, 'InvalidClientCertificateRef'],
    group: [{ ...secret, group: 'wrong.group.company.io' }, 'InvalidClientCertificateRef'],
    kind: [{ ...secret, kind: 'WrongKind' }, 'InvalidClientCertificateRef'],
    malformed: [{ ...secret, name: 'malformed' }, 'InvalidClientCertificateRef'],
    grant: [{ ...secret, name: 'certificate', namespace: 'web-backend' }, 'RefNotPermitted'],
  } as const;
  for (const [name, [clientCertificateRef, reason]] of Object.entries(cases)) {
    await world.apply(
      gateway(name, [SAME_LISTENER], { tls: { backend: { clientCertificateRef } } }),
    );
    world.status.conditions(`Gateway/${name}`, {
      ResolvedRefs: ['False', reason],
      Accepted: ['True', 'Accepted'],
    });
  }
});

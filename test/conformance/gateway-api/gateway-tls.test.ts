import { expect } from 'vitest';
import { authority, leaf, stranger, trusting } from './certificates.ts';
import { type World, conformanceTest } from './conformance.ts';
import { from, gateway, grant, http, httpRoute, https, rule, wrongGrants } from './manifests.ts';

const [V1, V2] = ['infra-backend-v1', 'infra-backend-v2'] as const;
const FINE = { Accepted: 'True', ResolvedRefs: 'True', Programmed: 'True' } as const;

conformanceTest('GatewayInvalidTLSConfiguration', async (world) => {
  world.secret('web', leaf(['example.org']));
  world.secret('malformed', { cert: 'Hello world\n', key: 'Hello world\n' });
  const secret = { group: '', kind: 'Secret', name: 'web' };
  const refs = {
    nonexistent: { ...secret, name: 'nonexistent' },
    group: { ...secret, group: 'wrong.group.company.io' },
    kind: { ...secret, kind: 'WrongKind' },
    malformed: { ...secret, name: 'malformed' },
  };
  for (const [name, ref] of Object.entries(refs)) {
    const listener = https('https', 'web', { ...from('All'), tls: { certificateRefs: [ref] } });
    await world.apply(gateway(name, [listener]));
    world.status.listeners(name, [
      {
        ...{ name: 'https', attachedRoutes: 0, supportedKinds: ['HTTPRoute'] },
        conditions: { ResolvedRefs: ['False', 'InvalidCertificateRef'] },
      },
    ]);
  }
});

const FOREIGN = 'web-backend/certificate';
const GATEWAYS = { kind: 'Gateway', namespace: 'infra' };
const NOT_PERMITTED = {
  ...{ attachedRoutes: 0, supportedKinds: ['HTTPRoute'] },
  conditions: { ResolvedRefs: ['False', 'RefNotPermitted'] },
} as const;

conformanceTest('GatewaySecretInvalidReferenceGrant', async (world) => {
  world.secret(FOREIGN, leaf(['example.org']));
  await world.apply(
    gateway('foreign', [https('https', FOREIGN, from('All'))]),
    ...wrongGrants(GATEWAYS, 'web-backend', { kind: 'Secret', name: 'certificate' }),
  );
  world.status.listeners('foreign', [{ name: 'https', ...NOT_PERMITTED }]);
});

conformanceTest('GatewaySecretMissingReferenceGrant', async (world) => {
  world.secret(FOREIGN, leaf(['example.org']));
  const hostname = 'nonexistent.example.com';
  await world.apply(
    gateway('foreign', [
      https('https', FOREIGN, from('All')),
      // Whether it exists is not told to who may not refer to it.
      https('https-nonexistent', 'web-backend/nonexistent', { ...from('All'), hostname }),
    ]),
  );
  world.status.listeners('foreign', [
    { name: 'https', ...NOT_PERMITTED },
    { name: 'https-nonexistent', ...NOT_PERMITTED },
  ]);
});

async function granted(world: World, target: { kind: string; name?: string }): Promise<void> {
  world.secret(FOREIGN, leaf(['example.org']));
  await world.apply(
    gateway('foreign', [https('https', FOREIGN, from('All'))]),
    grant('web-backend/allow', GATEWAYS, target),
  );
  world.status.listeners('foreign', [
    {
      ...{ name: 'https', attachedRoutes: 0, supportedKinds: ['HTTPRoute'] },
      conditions: { Programmed: ['True', 'Programmed'], ResolvedRefs: 'True' },
    },
  ]);
  await world.expect('foreign', [[{ host: 'example.org' }, 404]], { tls: trusting() });
}

conformanceTest('GatewaySecretReferenceGrantAllInNamespace', async (world) => {
  await granted(world, { kind: 'Secret' });
});

conformanceTest('GatewaySecretReferenceGrantSpecific', async (world) => {
  await granted(world, { kind: 'Secret', name: 'certificate' });
});

const CLIENT = leaf(['client.example.org']);
const OTHER = leaf(['client.example.org'], { issuer: stranger });

function validation(name: string, more: object = {}): object {
  const caCertificateRefs = [{ group: '', kind: 'ConfigMap', name, ...more }];
  return { validation: { caCertificateRefs } };
}

/** A listener on 443 whose clients the authority signs, one on 8443 with those of a stranger. */
async function validating(world: World, mode: object): Promise<void> {
  world.secret('web', leaf(['example.org', 'second-example.org']));
  world.secret('ca', undefined, [authority]);
  world.secret('per-port-ca', undefined, [stranger]);
  const withMode = (name: string): object => ({
    validation: { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name }], ...mode },
  });
  const frontend = {
    default: withMode('ca'),
    perPort: [{ port: 8443, tls: withMode('per-port-ca') }],
  };
  const second = { name: 'validating', sectionName: 'https-with-hostname' };
  await world.apply(
    gateway(
      'validating',
      [
        https('https', 'infra/web', from('Same')),
        https('https-with-hostname', 'infra/web', {
          ...from('Same'),
          ...{ port: 8443, hostname: 'second-example.org' },
        }),
      ],
      { tls: { frontend } },
    ),
    httpRoute('first', 'validating', [rule(undefined, V1)], { hostnames: ['example.org'] }),
    httpRoute('second', [second], [rule(undefined, V2)]),
  );
  world.status.accepted('validating', 'HTTPRoute/first');
  world.status.accepted(second, 'HTTPRoute/second');
}

conformanceTest('GatewayFrontendClientCertificateValidation', async (world) => {
  await validating(world, {});
  const ports = {
    443: ['example.org', V1, CLIENT, OTHER],
    8443: [...['second-example.org', V2, OTHER, CLIENT]],
  } as const;
  for (const [port, [host, backend, right, wrong]] of Object.entries(ports)) {
    const at = (own?: typeof CLIENT) => ({ port: Number(port), tls: trusting(undefined, own) });
    await world.expect('validating', [[{ host }, backend]], at(right));
    await expect(world.ask('validating', { host }, at(wrong))).rejects.toHaveProperty('code');
    await expect(world.ask('validating', { host }, at())).rejects.toHaveProperty('code');
  }
});

conformanceTest('GatewayFrontendClientCertificateValidationInsecureFallback', async (world) => {
  await validating(world, { mode: 'AllowInsecureFallback' });
  world.status.conditions('Gateway/validating', {
    InsecureFrontendValidationMode: ['True', 'ConfigurationChanged'],
  });
  for (const own of [CLIENT, OTHER, undefined]) {
    const tls = trusting(undefined, own);
    await world.expect('validating', [[{ host: 'example.org' }, V1]], { tls });
    const second = { tls, port: 8443 };
    await world.expect('validating', [[{ host: 'second-example.org' }, V2]], second);
  }
});

conformanceTest('GatewayFrontendInvalidDefaultClientCertificateValidation', async (world) => {
  world.secret('web', leaf(['example.org']));
  world.secret('per-port-ca', undefined, [authority]);
  const frontend = {
    default: validation('does-not-exist'),
    perPort: [{ port: 80, tls: validation('per-port-ca') }],
  };
  await world.apply(
    gateway('invalid', [https('https', 'infra/web', from('Same')), http('http', from('Same'))], {
      tls: { frontend },
    }),
    httpRoute('route', 'invalid', [rule(undefined, V1)], { hostnames: ['example.org'] }),
  );
  world.status.listeners('invalid', [
    { name: 'http', attachedRoutes: 1, conditions: FINE },
    {
      ...{ name: 'https', attachedRoutes: 1 },
      conditions: {
        ResolvedRefs: ['False', 'InvalidCACertificateRef'],
        Accepted: ['False', 'NoValidCACertificate'],
        Programmed: 'False',
      },
    },
  ]);
  await world.expect('invalid', [[{ host: 'example.org' }, V1]]);
  for (const own of [CLIENT, undefined]) {
    const at = { tls: trusting(undefined, own) };
    const answer = async () => world.ask('invalid', { host: 'example.org' }, at);
    await expect(answer()).rejects.toHaveProperty('code');
  }
});

conformanceTest('GatewayInvalidFrontendClientCertificateValidation', async (world) => {
  const hosts = { 7443: 'first-example.org', 8443: 'second-example.org' };
  world.secret('web', leaf(['example.org', ...Object.values(hosts), 'fourth-example.org']));
  world.secret('ca', undefined, [authority]);
  world.secret('web-backend/ca', undefined, [authority]);
  const frontend = {
    default: validation('ca'),
    perPort: [
      { port: 7443, tls: validation('nonexistent') },
      { port: 8443, tls: validation(V2, { kind: 'Service' }) },
      { port: 6443, tls: validation('ca', { namespace: 'web-backend' }) },
    ],
  };
  const secure = (name: string, port: number, hostname?: string): object =>
    https(name, 'infra/web', {
      ...{ ...from('Same'), port },
      ...(hostname === undefined ? {} : { hostname }),
    });
  await world.apply(
    gateway(
      'invalid',
      [
        secure('https', 443),
        secure('https-unresolved', 7443, hosts[7443]),
        secure('https-invalid-kind', 8443, hosts[8443]),
        secure('https-grant-missing', 6443, 'fourth-example.org'),
      ],
      { tls: { frontend } },
    ),
  );
  const refused = (reason: string) =>
    ({
      ResolvedRefs: ['False', reason],
      Accepted: ['False', 'NoValidCACertificate'],
      Programmed: 'False',
    }) as const;
  world.status.listeners('invalid', [
    { name: 'https', attachedRoutes: 0, conditions: FINE },
    {
      ...{ name: 'https-unresolved', attachedRoutes: 0 },
      conditions: refused('InvalidCACertificateRef'),
    },
    {
      ...{ name: 'https-invalid-kind', attachedRoutes: 0 },
      conditions: refused('InvalidCACertificateKind'),
    },
    {
      ...{ name: 'https-grant-missing', attachedRoutes: 0 },
      conditions: refused('RefNotPermitted'),
    },
  ]);
});

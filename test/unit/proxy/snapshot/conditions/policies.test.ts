import { describe, expect, it } from 'vitest';
import type { PolicyStatus } from '#contracts/resources/index.ts';
import { World, gateway, own, route, rule, service } from '../../support/world.ts';
import { said, statusIn } from './support.ts';

const APP = service('app');

describe('a policy', () => {
  const VALIDATION = {
    hostname: 'app.internal',
    caCertificateRefs: [{ kind: 'ConfigMap', name: 'ca' }],
  };
  const backendTls = (name: string, validation: object) => ({
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'BackendTLSPolicy' },
    metadata: { name, namespace: 'shop' },
    spec: { targetRefs: [{ kind: 'Service', name: 'app' }], validation },
  });

  it('of TLS to backends has the Gateways that lead there as ancestors', () => {
    const world = new World(APP, gateway('edge', [{}]), backendTls('a', VALIDATION));
    const of = (name: string) => statusIn<PolicyStatus>(world, `BackendTLSPolicy/shop/${name}`);
    expect(of('a').ancestors.map(({ ancestorRef }) => ancestorRef.kind)).toEqual(['Service']);
    world.apply(route('r', { rules: [rule('/', 'app')] }));
    world.apply(backendTls('b', VALIDATION));
    const [first] = of('a').ancestors;
    expect(first?.ancestorRef).toMatchObject({ kind: 'Gateway', namespace: 'shop', name: 'edge' });
    expect(said(first?.conditions ?? [])).toEqual([
      'Accepted=True Accepted',
      'ResolvedRefs=True ResolvedRefs',
    ]);
    expect(said(of('b').ancestors[0]?.conditions ?? [])).toEqual([
      'Accepted=False Conflicted',
      'ResolvedRefs=True ResolvedRefs',
    ]);
  });

  it('that trusts nobody it could read is not accepted', () => {
    const live = {
      problems: [
        {
          resource: 'BackendTLSPolicy/shop/b',
          path: 'spec.validation.caCertificateRefs',
          reason: 'cannot_apply' as const,
          message: 'there is no certificate shop/ca',
        },
      ],
    };
    const other = new World(APP, backendTls('b', VALIDATION));
    const b = statusIn<PolicyStatus>(other, 'BackendTLSPolicy/shop/b', live);
    expect(said(b.ancestors[0]?.conditions ?? [])).toEqual([
      'Accepted=False NoValidCACertificate',
      'ResolvedRefs=False InvalidCACertificateRef',
    ]);
  });

  it('of our own has its targets as ancestors', () => {
    const targetRefs = [
      { kind: 'Gateway', name: 'edge', sectionName: 'http' },
      { kind: 'HTTPRoute', name: 'gone' },
    ];
    const world = new World(
      gateway('edge', [{}]),
      own('AuthenticationPolicy', 'a', { targetRefs, apiKey: {} }),
    );
    const { ancestors } = statusIn<PolicyStatus>(world, 'AuthenticationPolicy/shop/a');
    expect(ancestors.map(({ ancestorRef }) => ancestorRef.sectionName)).toEqual([
      'http',
      undefined,
    ]);
    expect(ancestors.map(({ conditions }) => said(conditions))).toEqual([
      ['Accepted=True Accepted'],
      ['Accepted=False TargetNotFound'],
    ]);
  });
});

import { createHash } from 'node:crypto';
import { type ResourceKey, keyOf } from '#contracts/names.ts';
import type { BackendTLSPolicy } from '#contracts/resources/index.ts';
import type { BackendTls } from '../upstream/settings.ts';
import { namespaceOf, serviceKey } from './refs.ts';
import type { Report } from './report.ts';
import type { BackendTlsUnit, PolicyTarget } from './units.ts';
import { type View, resourceAt } from './view.ts';

/**
 * A policy that is wrong still stands between the proxy and its Service: it then trusts nobody, so
 * that nothing goes in the clear that should not.
 */
export function compileBackendTls(
  policy: BackendTLSPolicy,
  view: View,
  report: Report,
): BackendTlsUnit {
  const namespace = namespaceOf(policy);
  const targets = policy.spec.targetRefs.map(({ name, sectionName: section }, index) => {
    const key = serviceKey(`${namespace}/${name}`);
    const path = `spec.targetRefs[${index}]`;
    const service = resourceAt(view, 'Service', key);
    if (service === undefined) {
      report.add(`${path}.name`, 'missing_reference', `there is no Service ${name} here`);
    } else if (section !== undefined && !service.spec.ports.some((port) => port.name === section)) {
      const message = `Service ${name} has no port called ${section}`;
      report.add(`${path}.sectionName`, 'missing_reference', message);
    }
    return { key, section, governs: governs(policy, key, section, path, view, report) };
  });
  return Object.freeze({ tls: readTls(policy, report), targets: Object.freeze(targets) });
}

function readTls(policy: BackendTLSPolicy, report: Report): BackendTls {
  const { hostname, caCertificateRefs, wellKnownCACertificates, subjectAltNames } =
    policy.spec.validation;
  const path = 'spec.validation';
  const namespace = namespaceOf(policy);
  let authorities: BackendTls['authorities'] = [];
  if (caCertificateRefs !== undefined && wellKnownCACertificates !== undefined) {
    const message = 'caCertificateRefs and wellKnownCACertificates exclude one another';
    report.add(path, 'invalid_value', message);
  } else if (wellKnownCACertificates !== undefined) {
    authorities = 'system';
  } else if (caCertificateRefs === undefined) {
    const message = 'nothing says which authorities are trusted';
    const hint = 'write caCertificateRefs, or wellKnownCACertificates: System';
    report.add(path, 'missing_field', message, hint);
  } else {
    authorities = caCertificateRefs.flatMap((ref, index) => {
      if (ref.namespace === undefined || ref.namespace === namespace) {
        return [`${namespace}/${ref.name}`];
      }
      const message = 'authorities of another namespace are not supported by this version yet';
      const at = `${path}.caCertificateRefs[${index}].namespace`;
      report.add(at, 'not_supported_yet', message);
      return [];
    });
  }
  const names = subjectAltNames?.map((name) => name.hostname) ?? [hostname];
  const parts = { serverName: hostname, names, authorities };
  const key = createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
  return Object.freeze({ policy: keyOfPolicy(policy), key, ...parts });
}

function keyOfPolicy(policy: BackendTLSPolicy): ResourceKey {
  const { kind, metadata } = policy;
  return keyOf({ kind, namespace: namespaceOf(policy), name: metadata.name });
}

function governs(
  policy: BackendTLSPolicy,
  key: ResourceKey,
  section: string | undefined,
  path: string,
  view: View,
  report: Report,
): boolean {
  const own = keyOfPolicy(policy);
  const [oldest] = view
    .attached(key)
    .filter(
      ({ resource }) =>
        resource.kind === 'BackendTLSPolicy' &&
        resource.spec.targetRefs.some(
          (ref) =>
            serviceKey(`${namespaceOf(resource)}/${ref.name}`) === key &&
            ref.sectionName === section,
        ),
    );
  if (oldest === undefined || oldest.key === own) return true;
  const message = `the older BackendTLSPolicy ${oldest.resource.metadata.name} has this target`;
  report.add(path, 'conflict', message);
  return false;
}

/** Of the policy for this very port, else of the one for the whole Service. */
export function backendTlsOf(
  view: View,
  key: ResourceKey,
  portName: string,
): BackendTls | undefined {
  let whole: BackendTls | undefined;
  for (const entry of view.attached(key)) {
    const unit = view.compiled(entry.key);
    if (unit?.kind !== 'backendTls') continue;
    const { tls, targets } = unit.policy;
    const isGoverned = (section: string | undefined) =>
      targets.some(
        (each: PolicyTarget) => each.governs && each.key === key && each.section === section,
      );
    if (portName !== '' && isGoverned(portName)) return tls;
    if (isGoverned(undefined)) whole = tls;
  }
  return whole;
}

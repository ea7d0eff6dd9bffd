import { createHash } from 'node:crypto';
import { type ResourceKey, keyOf } from '#contracts/names.ts';
import type { BackendTLSPolicy, SubjectAltName } from '#contracts/resources/index.ts';
import type { BackendTls } from '../upstream/settings.ts';
import { readAuthorityRef } from './certificate-refs.ts';
import { referrerOf } from './grants.ts';
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
  const seen = new Set<string>();
  const targets = policy.spec.targetRefs.map(({ name, sectionName: section }, index) => {
    const key = serviceKey(`${namespace}/${name}`);
    const path = `spec.targetRefs[${index}]`;
    const label = `${key} ${section ?? ''}`;
    if (seen.has(label)) report.add(path, 'duplicate', 'the same target stands twice here');
    seen.add(label);
    const service = resourceAt(view, 'Service', key);
    if (service === undefined) {
      report.add(`${path}.name`, 'missing_reference', `there is no Service ${name} here`);
    } else if (section !== undefined && !service.spec.ports.some((port) => port.name === section)) {
      const message = `Service ${name} has no port called ${section}`;
      report.add(`${path}.sectionName`, 'missing_reference', message);
    }
    return { key, section, governs: governs(policy, key, section, path, view, report) };
  });
  return Object.freeze({ tls: readTls(policy, view, report), targets: Object.freeze(targets) });
}

function readTls(policy: BackendTLSPolicy, view: View, report: Report): BackendTls {
  const { hostname, subjectAltNames = [] } = policy.spec.validation;
  const { names, uris } = readNames(subjectAltNames, report);
  const parts = {
    serverName: hostname,
    // With alternative names this one is only asked for.
    names: subjectAltNames.length === 0 ? [hostname] : names,
    uris,
    authorities: readAuthorities(policy, view, report),
  };
  const key = createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
  return Object.freeze({ policy: keyOfPolicy(policy), key, ...parts });
}

const VALIDATION = 'spec.validation';

function readAuthorities(
  policy: BackendTLSPolicy,
  view: View,
  report: Report,
): BackendTls['authorities'] {
  const { caCertificateRefs: refs = [], wellKnownCACertificates: wellKnown = '' } =
    policy.spec.validation;
  if (refs.length > 0 && wellKnown !== '') {
    const message = 'caCertificateRefs and wellKnownCACertificates exclude one another';
    report.add(VALIDATION, 'invalid_value', message);
    return [];
  }
  if (wellKnown === 'System') return 'system';
  if (wellKnown !== '') {
    reportUnknownAuthorities(wellKnown, report);
    return [];
  }
  if (refs.length === 0) {
    const message = 'nothing says which authorities are trusted';
    const hint = 'write caCertificateRefs, or wellKnownCACertificates: System';
    report.add(VALIDATION, 'missing_field', message, hint);
    return [];
  }
  const from = referrerOf(policy);
  return refs.flatMap((ref, index) => {
    const at = `${VALIDATION}.caCertificateRefs[${index}]`;
    return readAuthorityRef(from, ref, at, view, report) ?? [];
  });
}

/** `Invalid`. */
function reportUnknownAuthorities(name: string, report: Report): void {
  const message = `there are no well-known authorities called ${name} here`;
  report.add(`${VALIDATION}.wellKnownCACertificates`, 'invalid_value', message, 'write System');
}

function readNames(
  written: readonly SubjectAltName[],
  report: Report,
): { names: string[]; uris: string[] } {
  const names: string[] = [];
  const uris: string[] = [];
  written.forEach(({ type, hostname, uri }, index) => {
    const path = `${VALIDATION}.subjectAltNames[${index}]`;
    const [field, other] = type === 'URI' ? ['uri', 'hostname'] : ['hostname', 'uri'];
    const [value, extra] = type === 'URI' ? [uri, hostname] : [hostname, uri];
    if (extra !== undefined) {
      report.add(`${path}.${other}`, 'invalid_value', `a name of type ${type} has no ${other}`);
    }
    if (value === undefined) {
      report.add(`${path}.${field}`, 'missing_field', `a name of type ${type} needs ${field}`);
    } else (type === 'URI' ? uris : names).push(value);
  });
  return { names, uris };
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
  reportConflicted(oldest.resource.metadata.name, path, report);
  return false;
}

/** `Conflicted`. */
function reportConflicted(older: string, path: string, report: Report): void {
  report.add(path, 'conflict', `the older BackendTLSPolicy ${older} has this target`);
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

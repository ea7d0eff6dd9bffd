import type { ConditionTag, Finding } from '../report.ts';

const tag = (type: string, reason: string): ConditionTag => Object.freeze({ type, reason });
const INVALID = tag('Accepted', 'Invalid');
const UNSUPPORTED = tag('Accepted', 'UnsupportedValue');
const NOT_PERMITTED = tag('ResolvedRefs', 'RefNotPermitted');

/**
 * Number of the element of a list that a path leads into, by its number or by `name=`; undefined:
 * it leads elsewhere.
 */
export function elementAt(
  path: string,
  list: string,
  named: readonly { name: string }[] = [],
): number | undefined {
  if (!path.startsWith(`${list}[`)) return undefined;
  const inside = path.slice(list.length + 1, path.indexOf(']', list.length));
  if (!inside.startsWith('name=')) return Number(inside);
  const number = named.findIndex(({ name }) => name === inside.slice('name='.length));
  return number === -1 ? undefined : number;
}

/** What a finding about a listener means; also of one that a proxy made when it opened it. */
export function listenerTag({ path, problem }: Finding): ConditionTag {
  if (/caCertificateRefs|tls\.frontend/.test(path)) {
    if (path.endsWith('.namespace')) return NOT_PERMITTED;
    const isKind = path.endsWith('.kind');
    return tag('ResolvedRefs', isKind ? 'InvalidCACertificateKind' : 'InvalidCACertificateRef');
  }
  if (/\.certificateRefs(\[|$)/.test(path)) {
    if (path.endsWith('.namespace')) return NOT_PERMITTED;
    return tag('ResolvedRefs', 'InvalidCertificateRef');
  }
  if (path.includes('.allowedRoutes.kinds')) return tag('ResolvedRefs', 'InvalidRouteKinds');
  if (problem?.reason === 'cannot_apply') return tag('Accepted', 'PortUnavailable');
  return problem?.reason === 'not_supported_yet' ? UNSUPPORTED : INVALID;
}

export function gatewayTag({ path, problem }: Finding): ConditionTag {
  if (path.startsWith('spec.tls.backend')) {
    if (path.endsWith('.namespace')) return NOT_PERMITTED;
    return tag('ResolvedRefs', 'InvalidClientCertificateRef');
  }
  if (problem?.reason !== 'cannot_apply') return INVALID;
  return tag('Programmed', path.startsWith('spec.addresses') ? 'AddressNotUsable' : 'Invalid');
}

const REFERENCE = /backendRefs?(\[\d+\])?(\.(group|kind|namespace|name|port))?$/;

export function routeTag({ path, problem }: Finding): ConditionTag {
  const reason = problem?.reason;
  if (path.startsWith('spec.parentRefs')) {
    if (reason === 'missing_reference') return tag('Accepted', 'NoMatchingParent');
    if (reason === 'invalid_reference') return tag('Accepted', 'NotAllowedByListeners');
    // GEP-1294, "Route types".
    return reason === 'conflict' ? tag('Accepted', 'Conflicted') : UNSUPPORTED;
  }
  const field = REFERENCE.exec(path);
  if (field === null) return UNSUPPORTED;
  if (field[3] === 'group' || field[3] === 'kind') return tag('ResolvedRefs', 'InvalidKind');
  if (field[3] === 'namespace') return NOT_PERMITTED;
  return tag('ResolvedRefs', 'BackendNotFound');
}

export function policyTag({ path, problem }: Finding): ConditionTag {
  if (path.startsWith('spec.targetRefs')) {
    if (problem?.reason === 'missing_reference') return tag('Accepted', 'TargetNotFound');
    if (problem?.reason === 'conflict') return tag('Accepted', 'Conflicted');
  }
  if (!path.includes('caCertificateRefs')) return INVALID;
  if (path.endsWith('.kind')) return tag('ResolvedRefs', 'InvalidKind');
  if (path.endsWith('.namespace')) return NOT_PERMITTED;
  return tag('ResolvedRefs', 'InvalidCACertificateRef');
}

export function plainTag(): ConditionTag {
  return INVALID;
}

import {
  GATEWAY_GROUP,
  type HTTPBackendRef,
  type HTTPRoute,
  type HTTPRouteRule,
  type ParentRef,
} from '#contracts/resources/index.ts';
import type { Context } from './context.ts';
import type { DocumentNotes } from './notes.ts';

/** What the standard allows for one HTTPRoute. */
const RULES_MAX = 16;
const MATCHES_PER_RULE_MAX = 64;
const MATCHES_MAX = 128;
const HOSTNAMES_MAX = 16;
/** Used where nobody says which port of a Service is meant. */
const PORT_DEFAULT = 80;

export const GATEWAY_V1 = `${GATEWAY_GROUP}/v1` as const;

export interface RouteParts {
  readonly namespace: string;
  readonly name: string;
  readonly parentRefs: readonly ParentRef[];
  /** Empty: any host. */
  readonly hostnames: readonly string[];
  readonly rules: readonly HTTPRouteRule[];
}

/**
 * As many HTTPRoutes as these rules need. Among equally specific matches the order of the names
 * decides, so that the numbers of parts have equally many digits.
 */
export function httpRoutes(parts: RouteParts, context: Context): HTTPRoute[] {
  const { namespace, name, parentRefs } = parts;
  const ruleSets = splitRules(parts.rules);
  const hostSets = chunks(parts.hostnames, HOSTNAMES_MAX);
  const pairs = hostSets.flatMap((hosts) => ruleSets.map((rules) => ({ hosts, rules })));
  const digits = String(pairs.length).length;
  return pairs.map(({ hosts, rules }, index) => {
    const number = String(index + 1).padStart(digits, '0');
    const own = pairs.length === 1 ? name : `${name}-${number}`;
    return {
      apiVersion: GATEWAY_V1,
      kind: 'HTTPRoute',
      metadata: { name: context.names.unique(`HTTPRoute/${namespace}`, own), namespace },
      spec: {
        parentRefs: [...parentRefs],
        ...(hosts.length === 0 ? {} : { hostnames: [...hosts] }),
        rules: [...rules],
      },
    };
  });
}

function splitRules(rules: readonly HTTPRouteRule[]): HTTPRouteRule[][] {
  const sets: HTTPRouteRule[][] = [];
  let matches = 0;
  for (const rule of rules.flatMap(splitMatches)) {
    const size = rule.matches?.length ?? 1;
    const last = sets.at(-1);
    if (last === undefined || last.length === RULES_MAX || matches + size > MATCHES_MAX) {
      sets.push([rule]);
      matches = size;
    } else {
      last.push(rule);
      matches += size;
    }
  }
  return sets;
}

function splitMatches(rule: HTTPRouteRule): HTTPRouteRule[] {
  const { name, matches = [], ...rest } = rule;
  if (matches.length <= MATCHES_PER_RULE_MAX) return [rule];
  return chunks(matches, MATCHES_PER_RULE_MAX).map((part, index) => {
    const own = name === undefined || index === 0 ? name : `${name}-part-${index + 1}`;
    return { ...(own === undefined ? {} : { name: own }), matches: [...part], ...rest };
  });
}

/** At least one part, also of nothing. */
function chunks<T>(list: readonly T[], size: number): (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let at = 0; at < list.length; at += size) parts.push(list.slice(at, at + size));
  return parts.length === 0 ? [[]] : parts;
}

/** A Service to refer to from a route of `from`. */
export interface BackendParts {
  readonly namespace: string;
  readonly name: string;
  /** Undefined: the only one that the Service has. */
  readonly port: number | undefined;
}

/** `path` is where the document names the Service. */
export function backendRef(
  { namespace, name, port }: BackendParts,
  from: string,
  path: string,
  notes: DocumentNotes,
  context: Context,
): HTTPBackendRef {
  const known = port ?? context.services.only(namespace, name);
  if (known === undefined) {
    const message = `which port of ${namespace}/${name} is not said: ${PORT_DEFAULT} is assumed`;
    notes.differs(path, `${message}; put the Service among the documents, or correct it`);
  }
  if (namespace !== from) {
    const message =
      `the Service ${namespace}/${name} is in another namespace: ` +
      `that takes a ReferenceGrant in ${namespace} for routes of ${from}`;
    notes.lost(path, message);
  }
  return {
    ...(namespace === from ? {} : { namespace }),
    name,
    port: known ?? PORT_DEFAULT,
  };
}

/** The Gateway that `--gateway` names, for a route of `from`. */
export function gatewayRef(
  gateway: { readonly namespace?: string; readonly name: string },
  from: string,
): ParentRef {
  const { namespace = from, name } = gateway;
  return { ...(namespace === from ? {} : { namespace }), name };
}

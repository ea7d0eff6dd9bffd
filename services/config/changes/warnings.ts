import type { ResourceProblem } from '#contracts/problems.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { metadataOf } from '#contracts/resources/index.ts';
import { isOlder } from '#contracts/version.ts';
import { keyOfResource } from '#platform/state.ts';
import type { History } from '../log/history.ts';
import type { Candidate } from './candidate.ts';
import { changedBy } from './plan.ts';

export interface WarningInput {
  history: History;
  candidate: Candidate;
  /** What the change-set's own grants allowed to others until now. */
  revoked: readonly ResourceProblem[];
  /** Of what it writes: fields without effect, what is insecure on purpose. */
  notes: readonly string[];
  /** As written: a resource with a resourceVersion replaces what its author has seen. */
  written: readonly Resource[];
  author: string;
  /** The writer has seen what it replaces: it named a revision that it looked at. */
  seen: boolean;
  minProxy: string;
  proxies: readonly { proxy: string; version?: string }[];
  wallMs: number;
}

const EXPIRES_SOON_MS = 10 * 60_000;
const NAMED_MAX = 5;

/** What a writer should know though it is no error. */
export function warningsOf(input: WarningInput): string[] {
  return [
    ...replaced(input),
    ...revokedBy(input),
    ...tooOld(input),
    ...expiring(input),
    ...idle(input),
    ...input.notes,
  ];
}

/** Last writer wins on a resource without a version: that is then said. */
function replaced(input: WarningInput): string[] {
  const { history, candidate, author } = input;
  if (input.seen) return [];
  const versioned = new Set(
    input.written
      .filter((resource) => metadataOf(resource).resourceVersion !== undefined)
      .map(keyOfResource),
  );
  return candidate.changes.flatMap(({ key, change }) => {
    const last = history.versions(key).at(-1);
    if (change === 'unchanged' || change === 'created' || versioned.has(key)) return [];
    if (last === undefined) return [];
    const other = history.changeSet(last.sequence)?.author;
    return other === author
      ? []
      : [`${key} ${changedBy(history, last)}; this change-set replaces that`];
  });
}

/** Removals always apply; who is cut off by one is said. */
function revokedBy({ revoked }: WarningInput): string[] {
  return revoked.map(({ resource, path, message }) => `${resource} ${path}: ${message}`);
}

function tooOld({ minProxy, proxies }: WarningInput): string[] {
  const old = proxies.filter(({ version }) => version !== undefined && isOlder(version, minProxy));
  if (old.length === 0) return [];
  const named = old.slice(0, NAMED_MAX).map(({ proxy, version }) => `${proxy} (${version})`);
  const more = old.length > NAMED_MAX ? ` and ${old.length - NAMED_MAX} more` : '';
  return [`older than ${minProxy}, which this change-set needs: ${named.join(', ')}${more}`];
}

function expiring({ candidate, wallMs }: WarningInput): string[] {
  return candidate.upserts.flatMap((resource) => {
    if (resource.kind !== 'FaultPolicy') return [];
    const leftMs = Date.parse(resource.spec.expires) - wallMs;
    if (leftMs > EXPIRES_SOON_MS) return [];
    const left =
      leftMs < 60_000 ? `${Math.ceil(leftMs / 1000)} s` : `${Math.ceil(leftMs / 60_000)} min`;
    return [`${keyOfResource(resource)} ends in ${left}, at ${resource.spec.expires}`];
  });
}

/** Types of Services that are here what they are there. */
const HERE_TOO: ReadonlySet<string> = new Set(['ClusterIP', 'ExternalName']);

/** Of a Service as Kubernetes has it: what acts there and not here. */
function idle({ candidate }: WarningInput): string[] {
  return candidate.upserts.flatMap((resource) => {
    if (resource.kind !== 'Service') return [];
    const { spec } = resource;
    const fields = [
      ...(spec.selector === undefined ? [] : ['selector']),
      ...(HERE_TOO.has(spec.type ?? 'ClusterIP') ? [] : [`type ${spec.type}`]),
      ...(spec.internalTrafficPolicy === 'Local' ? ['internalTrafficPolicy'] : []),
      ...(spec.externalIPs === undefined ? [] : ['externalIPs']),
      ...(spec.loadBalancerSourceRanges === undefined ? [] : ['loadBalancerSourceRanges']),
      ...(spec.trafficDistribution === undefined ? [] : ['trafficDistribution']),
    ];
    if (fields.length === 0) return [];
    const what = `${fields.join(', ')} ${fields.length === 1 ? 'has' : 'have'} no effect`;
    const endpoints = 'endpoints are announced by sidecars or declared by EndpointSlices';
    return [`${keyOfResource(resource)}: ${what} here; ${endpoints}`];
  });
}

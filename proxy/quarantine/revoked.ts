import type { Consumer, ReferenceGrant, Resource } from '#contracts/resources/index.ts';
import type { StateEntry } from '#platform/state.ts';

/**
 * A previous version without what the wanted one takes back: keys of a Consumer, and what a
 * ReferenceGrant lets in. To keep it as it was would undo a revocation. The wanted version may be
 * of a form that this proxy does not know: what cannot be read in it is taken back.
 */
export function withoutRevoked(previous: StateEntry, wanted: StateEntry): StateEntry {
  const resource = narrowed(previous.resource, wanted.resource);
  return resource === previous.resource ? previous : { ...previous, resource };
}

function narrowed(previous: Resource, wanted: unknown): Resource {
  if (previous.kind === 'Consumer') return withoutKeys(previous, specOf(wanted)['credentials']);
  return previous.kind === 'ReferenceGrant' ? narrowerGrant(previous, specOf(wanted)) : previous;
}

function withoutKeys(consumer: Consumer, wanted: unknown): Consumer {
  const left = new Map<unknown, Record<string, unknown>>();
  for (const each of listOf(wanted)) left.set(each['sha256'], each);
  const credentials = consumer.spec.credentials.flatMap((credential) => {
    const now = left.get(credential.sha256);
    if (now === undefined) return [];
    const expires = sooner(credential.expires, now['expires']);
    const isKept = expires === undefined || expires === credential.expires;
    return [isKept ? credential : { ...credential, expires }];
  });
  const isSame = credentials.every((each, index) => each === consumer.spec.credentials[index]);
  if (isSame && credentials.length === consumer.spec.credentials.length) return consumer;
  return { ...consumer, spec: { ...consumer.spec, credentials } } as Consumer;
}

/** An end that cannot be read lets nobody in. */
function sooner(before: string | undefined, now: unknown): string | undefined {
  if (now === undefined || now === before) return before;
  const at = typeof now === 'string' ? Date.parse(now) || 0 : 0;
  const isSooner = before === undefined || at < (Date.parse(before) || 0);
  return isSooner ? new Date(at).toISOString() : before;
}

function narrowerGrant(grant: ReferenceGrant, wanted: Record<string, unknown>): ReferenceGrant {
  const from = still(grant.spec.from, wanted['from']);
  const to = still(grant.spec.to, wanted['to']);
  if (from === grant.spec.from && to === grant.spec.to) return grant;
  return { ...grant, spec: { ...grant.spec, from, to } };
}

function still<T extends object>(list: T[], wanted: unknown): T[] {
  const now = listOf(wanted);
  const left = list.filter((each) => now.some((other) => isSame(each, other)));
  return left.length === list.length ? list : left;
}

/** Of two flat objects. */
function isSame(a: object, b: object): boolean {
  const [one, other] = [Object.entries(a), new Map(Object.entries(b))];
  return one.length === other.size && one.every(([name, value]) => other.get(name) === value);
}

function specOf(resource: unknown): Record<string, unknown> {
  const { spec } = resource as { spec?: unknown };
  return typeof spec === 'object' && spec !== null ? (spec as Record<string, unknown>) : {};
}

function listOf(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) return [];
  return value.filter((each) => typeof each === 'object' && each !== null);
}

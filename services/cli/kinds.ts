import { DEFAULT_NAMESPACE, NO_NAMESPACE, type ResourceRef } from '#contracts/names.ts';
import { type KindEntry, KINDS, type Resource, findKind } from '#contracts/resources/index.ts';
import { LATER_KINDS } from '#contracts/resources/later.ts';
import { usage } from './errors.ts';
import { nearest } from '#contracts/nearest.ts';

/** The kind that a person means; any case, singular, plural or short. */
export function kindOf(text: string): KindEntry {
  const entry = findKind(text);
  if (entry !== undefined) return entry;
  const later = [...LATER_KINDS].find((kind) => kind.toLowerCase() === text.toLowerCase());
  if (later !== undefined) throw usage(`this version of Windrose does not serve ${later} yet`);
  const words = KINDS.flatMap((kind) => [kind.kind.toLowerCase(), ...kind.aliases]);
  const close = nearest(text.toLowerCase(), words);
  const hint =
    close === undefined
      ? `the kinds are ${KINDS.map((kind) => kind.kind).join(', ')}`
      : `did you mean ${close}?`;
  throw usage(`there is no kind ${text}; ${hint}`);
}

export interface NameFilter {
  namespace?: string;
  name?: string;
}

/** `name`, or `namespace/name`, with what `-n` says. */
export function nameFilter(
  entry: KindEntry,
  name: string | undefined,
  option: string | undefined,
): NameFilter {
  const [first = '', second, ...more] = name?.split('/') ?? [];
  if (more.length > 0) throw usage(`${name} is no name; write NAME or NAMESPACE/NAME`);
  const inName = second === undefined ? undefined : first;
  if (inName !== undefined && option !== undefined && inName !== option) {
    throw usage(`${name} names the namespace ${inName}, and -n ${option} another`);
  }
  const namespace = inName ?? option;
  if (entry.scope === 'Cluster' && namespace !== undefined) {
    throw usage(`a ${entry.kind} belongs to no namespace`);
  }
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name: second ?? first }),
  };
}

/** Where the API has what the filter can say: a kind, or one resource. */
export function resourcePath(entry: KindEntry, filter: NameFilter): string {
  const base = `/v1/resources/${entry.kind}`;
  if (filter.name === undefined) return base;
  if (entry.scope === 'Cluster') return `${base}/${NO_NAMESPACE}/${encode(filter.name)}`;
  // Without a namespace the name is looked for in all of them.
  if (filter.namespace === undefined) return base;
  return `${base}/${encode(filter.namespace)}/${encode(filter.name)}`;
}

export function matches(resource: Resource, filter: NameFilter): boolean {
  return (
    (filter.namespace === undefined || namespaceOf(resource) === filter.namespace) &&
    (filter.name === undefined || resource.metadata.name === filter.name)
  );
}

export function namespaceOf(resource: Resource): string | undefined {
  return 'namespace' in resource.metadata
    ? (resource.metadata.namespace ?? DEFAULT_NAMESPACE)
    : undefined;
}

export function refOfResource(resource: Resource): ResourceRef {
  const namespace = namespaceOf(resource);
  return {
    kind: resource.kind,
    name: resource.metadata.name,
    ...(namespace === undefined ? {} : { namespace }),
  };
}

function encode(text: string): string {
  return encodeURIComponent(text);
}

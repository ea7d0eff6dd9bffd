import { type ResourceKey, refOf } from '#contracts/names.ts';
import { nearest } from '#contracts/nearest.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { MeshState } from '#platform/state.ts';

/** Names that are compared; in a large namespace the first ones have to do. */
const NAMES_MAX = 1_000;
/** Of a reference without a kind, by the field that it stands in. */
const KINDS_BY_FIELD: readonly (readonly [RegExp, string])[] = [
  [/\bbackendRefs?\b/, 'Service'],
  [/\bparentRefs?\b/, 'Gateway'],
  [/\bgatewayClassName$/, 'GatewayClass'],
];

/** The same, where a reference leads nowhere with the name that was most likely meant. */
export function withHints(
  problems: readonly ResourceProblem[],
  state: Pick<MeshState, 'entries'>,
): ResourceProblem[] {
  return problems.map((problem) => {
    if (problem.reason !== 'missing_reference' || problem.hint !== undefined) return problem;
    const meant = likelyName(problem, state);
    return meant === undefined ? problem : { ...problem, hint: `did you mean ${meant}?` };
  });
}

function likelyName(
  { resource, path }: ResourceProblem,
  state: Pick<MeshState, 'entries'>,
): string | undefined {
  const referrer = state.entries.get(resource as ResourceKey)?.resource;
  const tokens = path.split(/[.[\]]+/).filter((token) => token !== '');
  const field = tokens.pop();
  const owner = tokens.reduce<unknown>(below, referrer);
  const name = field === undefined ? undefined : below(owner, field);
  if (typeof name !== 'string') return undefined;
  const isRef = field === 'name';
  const stated = isRef ? below(owner, 'kind') : undefined;
  const kind = stated ?? KINDS_BY_FIELD.find(([pattern]) => pattern.test(path))?.[1];
  const stays = refOf(resource as ResourceKey).namespace;
  const namespace = (isRef ? below(owner, 'namespace') : undefined) ?? stays;
  const names: string[] = [];
  for (const key of state.entries.keys()) {
    const ref = refOf(key);
    const isNear = ref.namespace === undefined || ref.namespace === namespace;
    if (ref.kind === kind && isNear && names.push(ref.name) >= NAMES_MAX) break;
  }
  return nearest(name, names);
}

function below(value: unknown, token: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, token)) return undefined;
  return (value as Record<string, unknown>)[token];
}

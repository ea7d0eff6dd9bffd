import type { RouteResource } from './index.ts';
import type { BackendObjectRef, BackendRef, ParentRef, RequestMirror } from './route-parts.ts';

interface Filter {
  requestMirror?: RequestMirror;
}

/** What rules of every route kind have in common. */
export interface AnyRule {
  backendRefs?: readonly (BackendRef & { filters?: readonly Filter[] })[];
  filters?: readonly Filter[];
}

const NO_PARENTS: readonly ParentRef[] = Object.freeze([]);
const NO_RULES: readonly AnyRule[] = Object.freeze([]);

export function parentRefsOf(route: RouteResource): readonly ParentRef[] {
  return route.spec.parentRefs ?? NO_PARENTS;
}

export function rulesOf(route: RouteResource): readonly AnyRule[] {
  return route.spec.rules ?? NO_RULES;
}

/** Everything that a route may send a request to, copies for mirrors included. */
export function* backendRefsOf(route: RouteResource): Generator<BackendObjectRef> {
  for (const { backendRefs = [], filters } of rulesOf(route)) {
    yield* mirrorsOf(filters);
    for (const ref of backendRefs) {
      yield ref;
      yield* mirrorsOf(ref.filters);
    }
  }
}

function* mirrorsOf(filters: readonly Filter[] | undefined): Generator<BackendObjectRef> {
  for (const { requestMirror } of filters ?? []) {
    if (requestMirror !== undefined) yield requestMirror.backendRef;
  }
}

/** True when a reference means a Service: the kind that it has when it says none. */
export function isServiceRef({ group = '', kind = 'Service' }: BackendObjectRef): boolean {
  return group === '' && kind === 'Service';
}

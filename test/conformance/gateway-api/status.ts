import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import {
  CONTROLLER_NAME,
  type Condition,
  type ListenerStatus,
  type ParentRef,
} from '#contracts/resources/index.ts';
import { statusOf } from '#proxy/pure.ts';
import { expect } from 'vitest';
import type { World as MeshWorld } from '../../unit/proxy/support/world.ts';
import { INFRA, qualified } from './manifests.ts';

/** A parent: the name of a Gateway, or a reference. */
export type ParentName =
  string | { kind?: string; name: string; namespace?: string; sectionName?: string; port?: number };

interface Said {
  controllerName: string;
  conditions: readonly Condition[];
}

/** What any of the standard's kinds has as its status. */
interface AnyStatus {
  conditions?: readonly Condition[];
  listeners?: readonly ListenerStatus[];
  parents?: readonly ({ parentRef: ParentRef } & Said)[];
  ancestors?: readonly ({ ancestorRef: ParentRef } & Said)[];
  addresses?: readonly { type: string; value: string }[];
  attachedListenerSets?: number;
}

/** Each: `True` or `False`, and the reason where it matters. */
type Conditions = Readonly<Record<string, string | readonly [status: string, reason: string]>>;

export interface ExpectedListener {
  name: string;
  attachedRoutes: number;
  /** Among them; none: there are none. */
  supportedKinds?: readonly string[];
  /** Accepted without a word. */
  conditions?: Conditions;
}

/** `Kind/name` or `Kind/namespace/name` as a key. */
export function keyOf(short: string): ResourceKey {
  const [kind = '', ...rest] = short.split('/');
  const name = rest.join('/');
  return `${kind}/${qualified(name)}` as ResourceKey;
}

const ACCEPTED: Conditions = { Accepted: 'True' };
const SERVED: Conditions = { Accepted: 'True', ResolvedRefs: 'True', Programmed: 'True' };

/** What the standard's conditions say of the resources of a world. */
export class Statuses {
  readonly #mesh: MeshWorld;
  readonly #problems: () => readonly ResourceProblem[];

  /** `problems`: what the proxies could not apply, which a status says too. */
  constructor(mesh: MeshWorld, problems: () => readonly ResourceProblem[]) {
    this.#mesh = mesh;
    this.#problems = problems;
  }

  /** The status, whatever of it the resource's kind has. */
  of(short: string): AnyStatus {
    const status = statusOf(this.#mesh.snapshot, keyOf(short), {
      problems: this.#problems(),
      address: '127.0.0.1',
    });
    if (status === undefined) throw new Error(`${short} has no status`);
    return status;
  }

  /** The parent is accepted and programmed, and so are the routes there, with all they refer to. */
  accepted(parent: ParentName, ...routes: string[]): void {
    this.isProgrammed(parent);
    for (const route of routes) {
      this.parent(parent, route, { Accepted: ['True', 'Accepted'], ResolvedRefs: 'True' });
    }
  }

  /** And every listener of it is. */
  isProgrammed(parent: ParentName): void {
    const { kind = 'Gateway', name, namespace = INFRA } = parentOf(parent);
    if (kind === 'Service') return;
    const key = `${kind}/${namespace}/${name}`;
    this.conditions(key, { Accepted: 'True', Programmed: 'True' });
    for (const { name: listener, conditions } of this.of(key).listeners ?? []) {
      expectConditions(conditions, SERVED, `${key} ${listener}`);
    }
  }

  /** The route is accepted there, but not all that it refers to can be used. */
  unresolved(parent: ParentName, route: string, reason: string): void {
    this.isProgrammed(parent);
    this.parent(parent, route, { Accepted: 'True', ResolvedRefs: ['False', reason] });
  }

  refused(parent: ParentName, route: string, reason: string): void {
    this.parent(parent, route, { Accepted: ['False', reason] });
  }

  /** Conditions of a route at one parent. */
  parent(parent: ParentName, route: string, conditions: Conditions): void {
    const { parents = [] } = this.of(route);
    const wanted = parentOf(parent);
    const found = parents.filter(({ parentRef }) => isSame(parentRef, wanted, route));
    expectOne(found, `${route} at ${JSON.stringify(wanted)}: ${JSON.stringify(parents)}`);
    this.#expectSaid(route, found, conditions);
  }

  /** Conditions of a BackendTLSPolicy for one Gateway. */
  ancestor(parent: ParentName, policy: string, conditions: Conditions): void {
    const { ancestors = [] } = this.of(policy);
    const wanted = parentOf(parent);
    const found = ancestors.filter(({ ancestorRef }) => isSame(ancestorRef, wanted, policy));
    expectOne(found, `${policy} at ${JSON.stringify(wanted)}: ${JSON.stringify(ancestors)}`);
    this.#expectSaid(policy, found, conditions);
  }

  /** The same as an answer, for what takes a while. */
  ancestorIs(parent: ParentName, policy: string, expected: Conditions): boolean {
    const wanted = parentOf(parent);
    const { ancestors = [] } = this.of(policy);
    const found = ancestors.find(({ ancestorRef }) => isSame(ancestorRef, wanted, policy));
    return Object.entries(expected).every(([type, wantedStatus]) => {
      const [status, reason] = [wantedStatus].flat();
      const condition = found?.conditions.find((each) => each.type === type);
      if (condition === undefined) return false;
      return condition.status === status && (reason ?? condition.reason) === condition.reason;
    });
  }

  conditions(short: string, conditions: Conditions): void {
    const { conditions: actual = [] } = this.of(short);
    expectConditions(actual, conditions, short);
    this.#expectLatest(short, actual);
  }

  /** All listeners of a Gateway or, as `Kind/name`, of another kind. */
  listeners(name: string, expected: readonly ExpectedListener[]): void {
    const key = /^[A-Z]/.test(name) ? name : `Gateway/${name}`;
    const { listeners = [] } = this.of(key);
    expectListeners(key, listeners, expected);
    for (const { conditions } of listeners) this.#expectLatest(key, conditions);
  }

  /** The route is accepted at this parent, and has no other. */
  onlyParent(parent: ParentName, route: string): void {
    this.accepted(parent, route);
    expectOne(this.of(route).parents ?? [], route);
  }

  attachedListenerSets(gateway: string, count: number): void {
    expectEqual(this.of(`Gateway/${gateway}`).attachedListenerSets, count, gateway);
  }

  #expectSaid(short: string, found: readonly Said[], expected: Conditions): void {
    for (const { controllerName, conditions } of found) {
      expectEqual(controllerName, CONTROLLER_NAME, short);
      expectConditions(conditions, expected, short);
      this.#expectLatest(short, conditions);
    }
  }

  /** Every condition speaks of the resource as it is now. */
  #expectLatest(short: string, conditions: readonly Condition[]): void {
    const generation = this.#mesh.state.entries.get(keyOf(short))?.generation;
    expectGenerations(short, conditions, generation);
  }
}

function parentOf(parent: ParentName): Exclude<ParentName, string> {
  if (typeof parent !== 'string') return parent;
  const [first = '', second] = parent.split('/');
  return second === undefined ? { name: first } : { namespace: first, name: second };
}

/** A parent without a namespace is in that of the route. */
function isSame(ref: ParentRef, wanted: Exclude<ParentName, string>, short: string): boolean {
  const own = keyOf(short).split('/')[1];
  return (
    ref.name === wanted.name &&
    (ref.kind ?? 'Gateway') === (wanted.kind ?? 'Gateway') &&
    (ref.namespace ?? own) === (wanted.namespace ?? own) &&
    ref.sectionName === wanted.sectionName &&
    ref.port === wanted.port
  );
}

function expectOne(found: readonly unknown[], label: string): void {
  expect(found, label).toHaveLength(1);
}

function expectEqual(actual: unknown, expected: unknown, label: string): void {
  expect(actual, label).toEqual(expected);
}

function expectConditions(actual: readonly Condition[], expected: Conditions, label: string): void {
  for (const [type, wanted] of Object.entries(expected)) {
    const [status, reason] = typeof wanted === 'string' ? [wanted] : wanted;
    const found = actual.find((condition) => condition.type === type);
    expect(found, `${label} ${type}: ${JSON.stringify(actual)}`).toMatchObject({
      status,
      ...(reason === undefined ? {} : { reason }),
    });
    // Whoever reads that something is not as it should be reads why.
    if (status === 'False' && type !== 'Conflicted') {
      expect(found?.message, `${label} ${type}`).not.toBe('');
    }
  }
}

function expectGenerations(
  label: string,
  conditions: readonly Condition[],
  generation: number | undefined,
): void {
  for (const { type, observedGeneration } of conditions) {
    expect(observedGeneration, `${label} ${type}`).toBe(generation);
  }
}

function expectListeners(
  label: string,
  actual: readonly ListenerStatus[],
  expected: readonly ExpectedListener[],
): void {
  const names = actual.map(({ name }) => name);
  expect(names.toSorted(), label).toEqual(expected.map(({ name }) => name).toSorted());
  for (const { name, attachedRoutes, supportedKinds, conditions = ACCEPTED } of expected) {
    const found = actual.find((listener) => listener.name === name);
    const where = `${label} ${name}: ${JSON.stringify(found)}`;
    expect(found?.attachedRoutes, where).toBe(attachedRoutes);
    const kinds = found?.supportedKinds.map(({ kind }) => kind) ?? [];
    if (supportedKinds?.length === 0) expect(kinds, where).toEqual([]);
    expect(kinds, where).toEqual(expect.arrayContaining([...(supportedKinds ?? [])]));
    expectConditions(found?.conditions ?? [], conditions, where);
  }
}

import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { MeshState } from '#platform/state.ts';
import { type CompileResult, type CompiledSnapshot, compile, notesOf } from '#proxy/pure.ts';

/** What a candidate makes wrong that the head does not. */
export interface NewProblems {
  /** They refuse it. */
  refusing: ResourceProblem[];
  /**
   * Of resources that it leaves alone and that it takes a ReferenceGrant away from. Whoever may
   * write a namespace can always end what it granted: to refuse that until all users are gone would
   * leave the decision to them.
   */
  revoked: ResourceProblem[];
  /** What there is to know of what it writes, though nothing is wrong with that. */
  notes: string[];
  /** The candidate, compiled. */
  snapshot: CompiledSnapshot;
}

type Compilable = Pick<MeshState, 'entries' | 'sequence'>;

/**
 * The state of the mesh as the proxies compile it, kept at the head so that a change costs what it
 * touches. It judges a state by the very code that will serve it.
 */
export class Compiler {
  readonly #head: MeshState;
  readonly #epoch: () => number;
  readonly #wallMs: () => number;
  #compiled: CompiledSnapshot | undefined;
  /** Changed since `#compiled`; undefined: everything. */
  #stale: Set<ResourceKey> | undefined;

  constructor(head: MeshState, epoch: () => number, wallMs: () => number) {
    this.#head = head;
    this.#epoch = epoch;
    this.#wallMs = wallMs;
  }

  /** The head moved by these keys. Compiled when somebody asks, for a replay moves it often. */
  moved(changed: ReadonlySet<ResourceKey>): void {
    for (const key of changed) this.#stale?.add(key);
  }

  /** The head, compiled. */
  head(): CompiledSnapshot {
    if (this.#compiled === undefined || (this.#stale?.size ?? 0) > 0) {
      this.#compiled = this.#run(this.#head, this.#compiled, this.#stale).snapshot;
      this.#stale = new Set();
    }
    return this.#compiled;
  }

  /** Another state than the head, compiled from nothing. */
  past(state: MeshState): CompiledSnapshot {
    return this.#run(state).snapshot;
  }

  /**
   * Problems that a candidate would bring and the head does not have: what is wrong already, such
   * as a fault whose time has passed meanwhile, never stands in the way of another change.
   */
  newProblems(candidate: MeshState, changed: ReadonlySet<ResourceKey>): NewProblems {
    if (changed.size === 0) {
      return { refusing: [], revoked: [], notes: [], snapshot: this.head() };
    }
    const { problems, snapshot } = this.#run(candidate, this.head(), changed);
    const notes = [...notesOf(snapshot, changed)];
    const none: NewProblems = { refusing: [], revoked: [], notes, snapshot };
    if (problems.length === 0) return none;
    const known = identitiesOf(this.#run(this.#head).problems);
    const isNew = problems.filter((problem) => !known.has(identityOf(problem)));
    if (isNew.length === 0) return none;
    const granted = this.#withGrantsKept(candidate, changed);
    if (granted === undefined) return { ...none, refusing: isNew };
    const others = identitiesOf(this.#run(granted).problems);
    const isRevoked = (problem: ResourceProblem): boolean =>
      !others.has(identityOf(problem)) && !changed.has(problem.resource as ResourceKey);
    return {
      refusing: isNew.filter((problem) => !isRevoked(problem)),
      revoked: isNew.filter(isRevoked),
      notes,
      snapshot,
    };
  }

  /** The candidate as it would be if it took no grant away; undefined: it takes none. */
  #withGrantsKept(candidate: MeshState, changed: ReadonlySet<ResourceKey>): Compilable | undefined {
    const kept = [...changed].flatMap((key) => this.#head.entries.get(key) ?? []);
    const grants = kept.filter(({ resource }) => resource.kind === 'ReferenceGrant');
    if (grants.length === 0) return undefined;
    const entries = candidate.entries.copy();
    for (const grant of grants) entries.set(grant.key, grant);
    return { entries, sequence: candidate.sequence };
  }

  #run(
    state: Compilable,
    previous?: CompiledSnapshot,
    changed?: ReadonlySet<ResourceKey>,
  ): CompileResult {
    return compile({
      entries: state.entries,
      revision: { epoch: this.#epoch(), sequence: state.sequence },
      nowMs: this.#wallMs(),
      ...(previous === undefined ? {} : { previous }),
      ...(changed === undefined ? {} : { changed }),
    });
  }
}

function identitiesOf(problems: readonly ResourceProblem[]): Set<string> {
  return new Set(problems.map(identityOf));
}

function identityOf({ resource, path, reason, message }: ResourceProblem): string {
  return [resource, path, reason, message].join('\0');
}

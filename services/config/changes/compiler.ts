import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { MeshState } from '#platform/state.ts';
import { type CompileResult, type CompiledSnapshot, compile } from '#proxy/pure.ts';

/**
 * The state of the mesh as the proxies compile it, kept at the head so that a change costs what it
 * touches. It judges a state by the very code that will serve it.
 */
export class Compiler {
  readonly #head: MeshState;
  readonly #epoch: number;
  readonly #wallMs: () => number;
  #compiled: CompiledSnapshot | undefined;
  /** Changed since `#compiled`; undefined: everything. */
  #stale: Set<ResourceKey> | undefined;

  constructor(head: MeshState, epoch: number, wallMs: () => number) {
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
  newProblems(candidate: MeshState, changed: ReadonlySet<ResourceKey>): ResourceProblem[] {
    const { problems } = this.#run(candidate, this.head(), changed);
    if (problems.length === 0) return [];
    const known = new Set(this.#run(this.#head).problems.map(identityOf));
    return problems.filter((problem) => !known.has(identityOf(problem)));
  }

  #run(
    state: MeshState,
    previous?: CompiledSnapshot,
    changed?: ReadonlySet<ResourceKey>,
  ): CompileResult {
    return compile({
      entries: state.entries,
      revision: { epoch: this.#epoch, sequence: state.sequence },
      nowMs: this.#wallMs(),
      ...(previous === undefined ? {} : { previous }),
      ...(changed === undefined ? {} : { changed }),
    });
  }
}

function identityOf({ resource, path, reason, message }: ResourceProblem): string {
  return [resource, path, reason, message].join('\0');
}

import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { StateEntry } from '#platform/state.ts';
import type { Applied, Candidate, Fleet, Prepared } from '#proxy/fleet.ts';
import { type CompileResult, type CompiledSnapshot, compile } from '#proxy/pure.ts';
import { mergeProblems } from '#proxy/problems.ts';

/** A worker that compiles and has no sockets: which ports are taken is for the test to say. */
export class CompilingFleet implements Pick<
  Fleet,
  'prepare' | 'commit' | 'onProblems' | 'onRetry'
> {
  readonly taken = new Set<number>();
  prepares = 0;
  commits = 0;
  /** Of the last candidate: what was compiled anew. */
  changed: ReadonlySet<ResourceKey> | undefined;
  snapshot: CompiledSnapshot | undefined;
  problems: ResourceProblem[] = [];
  #candidate: (CompileResult & { all: ResourceProblem[] }) | undefined;
  #retry: () => void = () => undefined;
  #onProblems: (problems: ResourceProblem[]) => void = () => undefined;

  async prepare({ entries, revision, shut, changed }: Candidate): Promise<Prepared> {
    this.prepares++;
    this.changed = changed;
    const previous = this.snapshot;
    const made = compile({
      ...{ entries, revision, shut },
      ...(previous === undefined || changed === undefined ? {} : { previous, changed }),
    });
    this.#candidate = { ...made, all: mergeProblems([made.problems, this.#sockets(made)]) };
    const failed = made.problems.filter(({ reason }) => reason === 'cannot_apply');
    return {
      problems: this.#candidate.all,
      failed: failed.map(({ resource }) => resource as ResourceKey),
    };
  }

  async commit(entries: ReadonlyMap<ResourceKey, StateEntry>): Promise<Applied> {
    if (this.#candidate === undefined) throw new Error('nothing was prepared');
    const { snapshot, all } = this.#candidate;
    this.#candidate = undefined;
    if (snapshot.index.units.size !== entries.size) throw new Error('other entries were prepared');
    this.commits++;
    this.snapshot = snapshot;
    this.problems = all;
    return { problems: all, applyMs: 1 };
  }

  onProblems(run: (problems: ResourceProblem[]) => void): void {
    this.#onProblems = run;
  }

  onRetry(run: () => void): void {
    this.#retry = run;
  }

  /** As a worker does that finds ports free. */
  free(): void {
    this.taken.clear();
    this.#onProblems(this.problems.filter(({ path }) => !path.endsWith('.port')));
    this.#retry();
  }

  #sockets({ snapshot }: CompileResult): ResourceProblem[] {
    return snapshot.listeners.flatMap(({ name, port }) => {
      if (!this.taken.has(port)) return [];
      const [kind = '', namespace = '', short = '', section = ''] = name.split('/');
      return [
        {
          resource: `${kind}/${namespace}/${short}`,
          path: `spec.listeners[name=${section}].port`,
          reason: 'cannot_apply' as const,
          message: `port ${port} is taken`,
        },
      ];
    });
  }
}

import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Revision } from '#contracts/revision.ts';
import type { StateEntry } from '#platform/state.ts';
import type { CompiledSnapshot } from './compiled.ts';

export interface CompileInput {
  entries: ReadonlyMap<ResourceKey, StateEntry>;
  revision: Revision;
  logDigest: string;
  /** Wall clock: a fault that was written after its own expiry is a problem. */
  nowMs: number;
  /** With both, only what the change touches is made anew; the result is the same. */
  previous?: CompiledSnapshot;
  /** Keys that were created, updated or deleted since `previous`. */
  changed?: ReadonlySet<ResourceKey>;
}

export interface CompileResult {
  snapshot: CompiledSnapshot;
  /** Of the whole state, sorted by resource, path and reason. */
  problems: ResourceProblem[];
}

export declare function compile(input: CompileInput): CompileResult;

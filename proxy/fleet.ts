import type { ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Revision } from '#contracts/revision.ts';
import type { MeshState, StateEntry } from '#platform/state.ts';
import type { OverloadReport } from './overload/overload.ts';
import type { Shut } from './snapshot/shut.ts';
import type { Entries } from './snapshot/view.ts';
import type { SeriesSnapshot } from './telemetry/index.ts';
import type { SecretValues } from './tls/secrets.ts';
import type { EndpointView } from './upstream/view.ts';

/** A state to bring into service, as the log or the files ask for it. */
export interface StateUpdate {
  state: MeshState;
  revision: Revision;
  /** What changed since the last update; absent: take the state as a whole. */
  changed?: ReadonlySet<ResourceKey>;
}

/** Brings states into service, as far as they can be. Calls are made one after the other. */
export interface Target {
  apply(update: StateUpdate): Promise<Applied>;
  /** Calls back when what could not be applied changes without an update: a port became free. */
  onProblems(run: (problems: ResourceProblem[]) => void): void;
}

/** As a map has them. */
export type CandidateEntries = Entries &
  Pick<ReadonlyMap<ResourceKey, StateEntry>, 'values' | 'size'>;

/** What workers are to serve: each resource in the version that was chosen for it. */
export interface Candidate {
  entries: CandidateEntries;
  revision: Revision;
  /** What differs from what was committed last; absent: take the entries as a whole. */
  changed?: ReadonlySet<ResourceKey>;
  shut: Shut;
}

/** What workers say of a candidate that they do not serve yet. */
export interface Prepared {
  problems: ResourceProblem[];
  /** Resources that could not be compiled at all. */
  failed: ResourceKey[];
}

export interface Applied {
  /** What could not be brought into service; sorted. */
  problems: ResourceProblem[];
  applyMs: number;
}

/** What one worker tells of itself. */
export interface WorkerReport {
  worker: number;
  pid: number;
  connections: number;
  turnedAway: number;
  inFlight: number;
  overload: OverloadReport;
  /** Copies for mirrors that were not made, or not to their end, since the worker's start. */
  copiesLost: number;
  /** Connections that asked for TLS and did not get it, since the worker's start. */
  handshakesFailed: number;
  /** When each certificate that can be served ends, ms since 1970. */
  certificates: [name: string, notAfterMs: number][];
  series: SeriesSnapshot;
  endpoints: EndpointView[];
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/**
 * The workers of a proxy as their owner sees them: this process itself, or child processes. What
 * they serve changes in two steps, made one after the other: `prepare` compiles a candidate and
 * binds its sockets beside what is served, as often as it takes; `commit` swaps to the last one.
 */
export interface Fleet {
  prepare(candidate: Candidate): Promise<Prepared>;
  /**
   * Resolves when every worker serves what was prepared. `entries` are the candidate's, and stay
   * what is served, for workers to come, until the next commit.
   */
  commit(entries: ReadonlyMap<ResourceKey, StateEntry>): Promise<Applied>;
  setEndpoints(announced: ServiceEndpoints): void;
  /** Values of Secrets, before or after the state that asks for them. */
  setSecrets(values: readonly SecretValues[]): void;
  report(): Promise<WorkerReport[]>;
  /** A worker whose event loop stands still, in one sentence; undefined: all of them turn. */
  stalled(): string | undefined;
  setLogLevel(level: LogLevel): void;
  /** Calls back when what is wrong with what is served changes without a commit. */
  onProblems(run: (problems: ResourceProblem[]) => void): void;
  /**
   * Calls back when a candidate that was prepared and not committed may have fewer problems now:
   * a port became free, the files of a certificate changed.
   */
  onRetry(run: () => void): void;
  /** Stops accepting, lets requests end, and sends what telemetry still holds. */
  drain(): Promise<void>;
  readonly workers: number;
}

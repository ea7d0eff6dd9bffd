import type { ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Revision } from '#contracts/revision.ts';
import type { MeshState, StateChange } from '#platform/state.ts';
import type { OverloadReport } from './overload/overload.ts';
import type { SeriesSnapshot } from './telemetry/index.ts';
import type { SecretValues } from './tls/secrets.ts';
import type { EndpointView } from './upstream/view.ts';

/** A state to bring into service. */
export interface StateUpdate {
  state: MeshState;
  revision: Revision;
  /** What led here from the last update; absent: take the state as a whole. */
  step?: { changes: readonly StateChange[]; changed: ReadonlySet<ResourceKey> };
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
 * The workers of a proxy as their owner sees them: this process itself, or child processes. Calls
 * to `apply` are made one after the other.
 */
export interface Fleet {
  /** Resolves when every worker serves the state. */
  apply(update: StateUpdate): Promise<Applied>;
  setEndpoints(announced: ServiceEndpoints): void;
  /** Values of Secrets, before or after the state that asks for them. */
  setSecrets(values: readonly SecretValues[]): void;
  report(): Promise<WorkerReport[]>;
  /** A worker whose event loop stands still, in one sentence; undefined: all of them turn. */
  stalled(): string | undefined;
  setLogLevel(level: LogLevel): void;
  /** Calls back when what could not be applied changes without an update: a port became free. */
  onProblems(run: (problems: ResourceProblem[]) => void): void;
  /** Stops accepting, lets requests end, and sends what telemetry still holds. */
  drain(): Promise<void>;
  readonly workers: number;
}

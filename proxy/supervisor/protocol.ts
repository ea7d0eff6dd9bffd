import type { ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Revision } from '#contracts/revision.ts';
import type { StateChange, StateEntry } from '#platform/state.ts';
import type { ProxySettings } from '../bootstrap.ts';
import type { LogLevel, WorkerReport } from '../fleet.ts';
import type { BindFailure } from '../listener/sockets.ts';
import type { CertificateRead } from '../tls/broken.ts';
import type { SecretValues } from '../tls/secrets.ts';

/** How often a worker says that it turns. */
export const BEAT_MS = 1_000;

/**
 * What a supervisor and its workers say to each other over the child process's channel, structured
 * clones. `id` pairs a question with its answer. A worker has one supervisor and dies with it.
 */
export type ToWorker =
  | { type: 'start'; settings: ProxySettings; worker: number; ticketKey: Uint8Array }
  | { type: 'ticketKey'; key: Uint8Array }
  /** The whole state; the worker forgets what it had. */
  | { type: 'state'; id: number; revision: Revision; entries: StateEntry[] }
  /** Changes since the last update; `digest` is that of the state after them. */
  | { type: 'step'; id: number; revision: Revision; changes: StateChange[]; digest: string }
  | { type: 'endpoints'; announced: ServiceEndpoints[] }
  | { type: 'secrets'; values: readonly SecretValues[] }
  | { type: 'report'; id: number }
  | { type: 'logLevel'; level: LogLevel }
  /** With the socket's handle, unless it says why there is none. */
  | { type: 'socket'; id: number; failure?: BindFailure }
  | { type: 'drain' };

export type FromWorker =
  | { type: 'hello' }
  /** Every second: its event loop turns. */
  | { type: 'beat' }
  | { type: 'applied'; id: number; problems: ResourceProblem[]; applyMs: number }
  /** `differs`: the state is not the supervisor's; it has to come as a whole. */
  | { type: 'failed'; id: number; differs: boolean; message: string }
  | { type: 'problems'; problems: ResourceProblem[] }
  | { type: 'certificate'; read: CertificateRead }
  | { type: 'report'; id: number; report: WorkerReport }
  | { type: 'acquire'; id: number; address: string; port: number }
  | { type: 'release'; address: string; port: number }
  | { type: 'drained' };

import type { ServiceEndpoints } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Revision } from '#contracts/revision.ts';
import type { StateEntry } from '#platform/state.ts';
import type { ProxySettings } from '../bootstrap.ts';
import type { Applied, LogLevel, Prepared, WorkerReport } from '../fleet.ts';
import type { BindFailure } from '../listener/sockets.ts';
import type { Shut } from '../snapshot/shut.ts';
import type { CertificateRead } from '../tls/broken.ts';
import type { SecretValues } from '../tls/secrets.ts';

/** How often a worker says that it turns. */
export const BEAT_MS = 1_000;

/** What a worker is to prepare. */
export interface CandidateMessage {
  revision: Revision;
  /** Take `entries` as all there is; otherwise as what changes in what was committed last. */
  isWhole: boolean;
  entries: StateEntry[];
  removed: ResourceKey[];
  /** Number of the entries with this. */
  size: number;
  shut: Shut;
}

/**
 * What a supervisor and its workers say to each other over the child process's channel, structured
 * clones. `id` pairs a question with its answer. A worker has one supervisor and dies with it.
 */
export type ToWorker =
  | { type: 'start'; settings: ProxySettings; worker: number; ticketKey: Uint8Array }
  | { type: 'ticketKey'; key: Uint8Array }
  | ({ type: 'prepare'; id: number } & CandidateMessage)
  /** To serve what was prepared last. */
  | { type: 'commit'; id: number }
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
  | ({ type: 'prepared'; id: number } & Prepared)
  | ({ type: 'applied'; id: number } & Applied)
  /** `differs`: the entries are not the supervisor's; they have to come as a whole. */
  | { type: 'failed'; id: number; differs: boolean; message: string }
  | { type: 'retry' }
  | { type: 'problems'; problems: ResourceProblem[] }
  | { type: 'certificate'; read: CertificateRead }
  | { type: 'report'; id: number; report: WorkerReport }
  | { type: 'acquire'; id: number; address: string; port: number }
  | { type: 'release'; address: string; port: number }
  | { type: 'drained' };

import {
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
  DiscardPolicy,
  StorageType,
  nanos,
} from 'nats';
import { type MeshSubjects } from '#contracts/subjects.ts';
import { STREAM_NOT_FOUND, apiErrorOf } from '#platform/nats.ts';

/** A stream that exists and cannot serve as what Windrose needs: one sentence for the operator. */
export class StreamError extends Error {}

export const DEDUPE_WINDOW_MS = 120_000;
const RECEIPTS_PER_PROXY = 64;
/** Counted, not measured: the server sets a limit in bytes aside at once, for every mesh. */
const RECEIPTS_MAX = 100_000;
const RECEIPT_BYTES_MAX = 256 * 1024;
const ENDPOINTS_BYTES_MAX = 1024 * 1024;

/** A stream as it must be. */
export type Wanted = Pick<StreamConfig, 'name' | 'subjects' | 'storage' | 'description'> &
  Partial<StreamConfig>;

/**
 * The streams of one mesh. The first is the only store of configuration there is; the last is an
 * object store with what is too large for it (NATS ADR-20).
 */
export function wantedStreams(subjects: MeshSubjects, replicas: number): Wanted[] {
  return [
    {
      name: subjects.streams.config,
      description: 'Windrose: change-sets, one message each; the sequence is the revision',
      subjects: [subjects.config],
      storage: StorageType.File,
      num_replicas: replicas,
      duplicate_window: nanos(DEDUPE_WINDOW_MS),
    },
    {
      name: subjects.streams.endpoints,
      description: 'Windrose: the endpoints of each service now',
      subjects: [subjects.allEndpoints],
      storage: StorageType.File,
      num_replicas: replicas,
      max_msgs_per_subject: 1,
      max_msg_size: ENDPOINTS_BYTES_MAX,
    },
    {
      name: subjects.streams.receipts,
      description: 'Windrose: what proxies say of revisions; proxies send theirs again',
      subjects: [subjects.allReceipts],
      storage: StorageType.Memory,
      num_replicas: replicas,
      max_msgs_per_subject: RECEIPTS_PER_PROXY,
      max_msgs: RECEIPTS_MAX,
      max_msg_size: RECEIPT_BYTES_MAX,
    },
    {
      name: subjects.streams.objects,
      description: 'Windrose: bodies of large change-sets, snapshots, the archive of the log',
      subjects: [`${subjects.objectChunks}.>`, `${subjects.objectMetas}.>`],
      storage: StorageType.File,
      num_replicas: replicas,
      discard: DiscardPolicy.New,
      allow_rollup_hdrs: true,
      allow_direct: true,
    },
  ];
}

/** Makes the streams that are missing, and refuses those that would lose what is put into them. */
export async function ensureStreams(
  manager: JetStreamManager,
  streams: readonly Wanted[],
): Promise<void> {
  for (const wanted of streams) {
    const found = await findStream(manager, wanted.name);
    if (found === undefined) await addStream(manager, wanted);
    else assertCompatible(wanted, found);
  }
}

export async function findStream(
  manager: JetStreamManager,
  name: string,
): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (apiErrorOf(error) === STREAM_NOT_FOUND) return undefined;
    throw error;
  }
}

async function addStream(manager: JetStreamManager, wanted: Wanted): Promise<void> {
  try {
    await manager.streams.add(wanted);
  } catch (error) {
    // Another config service of this mesh was quicker.
    if (apiErrorOf(error) === STREAM_NAME_IN_USE) {
      assertCompatible(wanted, await manager.streams.info(wanted.name));
      return;
    }
    if (apiErrorOf(error) === SUBJECTS_OVERLAP) {
      throw new StreamError(
        `the subjects ${wanted.subjects.join(', ')} already belong to another stream of this ` +
          'NATS account; remove that stream or choose another mesh name',
      );
    }
    throw error;
  }
}

function assertCompatible(wanted: Wanted, found: StreamInfo): void {
  const config = found.config;
  const wrong: string[] = [];
  if ([...config.subjects].sort().join() !== [...wanted.subjects].sort().join()) {
    wrong.push(`its subjects are ${config.subjects.join(', ')}`);
  }
  if (config.storage !== wanted.storage) wrong.push(`its storage is ${config.storage}`);
  if (config.retention !== 'limits') wrong.push(`its retention is ${config.retention}`);
  if (config.sealed) wrong.push('it is sealed');
  if (wanted.storage === StorageType.File) {
    if (config.max_age > 0) wrong.push('it forgets messages after a time (max_age)');
    if (config.max_msgs > 0) wrong.push('it keeps a limited number of messages (max_msgs)');
    if (config.max_bytes > 0) wrong.push('it keeps a limited number of bytes (max_bytes)');
    const perSubject = wanted.max_msgs_per_subject ?? -1;
    if (config.max_msgs_per_subject !== perSubject) {
      wrong.push(`max_msgs_per_subject is ${config.max_msgs_per_subject}, not ${perSubject}`);
    }
  }
  if (wrong.length > 0) {
    throw new StreamError(`the stream ${wanted.name} cannot be used: ${wrong.join('; ')}`);
  }
}

/** Codes of the JetStream API's errors (nats-server's errors.json). */
const STREAM_NAME_IN_USE = 10_058;
const SUBJECTS_OVERLAP = 10_065;

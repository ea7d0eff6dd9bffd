import {
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
  DiscardPolicy,
  StorageType,
  nanos,
} from 'nats';
import { type MeshSubjects, objectStore } from '#contracts/subjects.ts';
import { STREAM_NOT_FOUND, apiErrorOf, natsSentence } from '#platform/nats.ts';

/** A stream that exists and cannot serve as what Windrose needs: one sentence for the operator. */
export class StreamError extends Error {}

export const DEDUPE_WINDOW_MS = 120_000;
const RECEIPTS_PER_PROXY = 64;
/** Counted, not measured: the server sets a limit in bytes aside at once, for every mesh. */
const RECEIPTS_MAX = 100_000;
const RECEIPT_BYTES_MAX = 256 * 1024;
const ENDPOINTS_BYTES_MAX = 1024 * 1024;
const SECRET_MESSAGE_BYTES_MAX = 512 * 1024;
/**
 * Each proxy has a consumer of its own in a stream. nats-server gives a stream that asks for none a
 * limit of 1,000 since 2.15, and takes "unlimited" for having asked for none.
 */
export const CONSUMERS_MAX = 100_000;

/** A stream as it must be. */
export type Wanted = Pick<StreamConfig, 'name' | 'subjects' | 'storage' | 'description'> &
  Partial<StreamConfig>;

/**
 * The streams of one mesh. The first is the only store of configuration there is; the last
 * two are object stores with what is too large for it or not to be read in it (NATS ADR-20).
 */
export function wantedStreams(subjects: MeshSubjects, replicas: number): Wanted[] {
  const streams: Wanted[] = [
    {
      name: subjects.streams.config,
      description: 'Windrose: change-sets, one message each; the sequence is the revision',
      subjects: [subjects.config],
      storage: StorageType.File,
      duplicate_window: nanos(DEDUPE_WINDOW_MS),
    },
    {
      name: subjects.streams.endpoints,
      description: 'Windrose: the endpoints of each service now',
      subjects: [subjects.allEndpoints],
      storage: StorageType.File,
      max_msgs_per_subject: 1,
      max_msg_size: ENDPOINTS_BYTES_MAX,
    },
    {
      name: subjects.streams.secrets,
      description: 'Windrose: values of Secrets, each sealed to one proxy',
      subjects: [subjects.allSecrets],
      storage: StorageType.File,
      max_msgs_per_subject: 1,
      max_msg_size: SECRET_MESSAGE_BYTES_MAX,
    },
    {
      name: subjects.streams.receipts,
      description: 'Windrose: what proxies say of revisions; proxies send theirs again',
      subjects: [subjects.allReceipts],
      storage: StorageType.Memory,
      max_msgs_per_subject: RECEIPTS_PER_PROXY,
      max_msgs: RECEIPTS_MAX,
      max_msg_size: RECEIPT_BYTES_MAX,
    },
    objectStream(
      subjects.objects,
      'bodies of large change-sets, snapshots, the archive of the log',
    ),
    objectStream(subjects.vault, 'values of Secrets, sealed to the config services'),
  ];
  return streams.map((stream) => ({
    ...stream,
    num_replicas: replicas,
    max_consumers: CONSUMERS_MAX,
  }));
}

/** As NATS ADR-20 has it; what is put there is never forgotten for want of room. */
function objectStream(bucket: string, what: string): Wanted {
  const { stream, chunks, metas } = objectStore(bucket);
  return {
    name: stream,
    description: `Windrose: ${what}`,
    subjects: [`${chunks}.>`, `${metas}.>`],
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    allow_rollup_hdrs: true,
    allow_direct: true,
  };
}

/** Makes the streams that are missing, and refuses those that would lose what is put into them. */
export async function ensureStreams(
  manager: JetStreamManager,
  streams: readonly Wanted[],
): Promise<void> {
  for (const wanted of streams) {
    const found = await findStream(manager, wanted.name);
    if (found === undefined) await addStream(manager, wanted);
    else await adopt(manager, wanted, found);
  }
}

/** A stream of before serves on, with the limits of today. */
async function adopt(manager: JetStreamManager, wanted: Wanted, found: StreamInfo): Promise<void> {
  assertCompatible(wanted, found);
  const { max_consumers: most = -1 } = wanted;
  if (found.config.max_consumers === most) return;
  try {
    // The client's types are of the time before it could be changed.
    const limits: Partial<StreamConfig> = { max_consumers: most };
    await manager.streams.update(wanted.name, limits);
  } catch (error) {
    const code = apiErrorOf(error);
    // Before 2.12.4 nats-server cannot change it, and there unlimited is without a limit indeed.
    if (code === CANNOT_UPDATE && found.config.max_consumers <= 0) return;
    // The account gives fewer, and has the last word.
    if (code === TOO_MANY_CONSUMERS) return;
    throw new StreamError(
      `the stream ${wanted.name} takes ${found.config.max_consumers} consumers at most, which ` +
        `cannot be made ${most}: ${natsSentence(error)}`,
    );
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
      await adopt(manager, wanted, await manager.streams.info(wanted.name));
      return;
    }
    if (apiErrorOf(error) === TOO_MANY_CONSUMERS && wanted.max_consumers !== undefined) {
      // As many as the account gives.
      const { max_consumers: _most, ...rest } = wanted;
      return addStream(manager, rest);
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
const CANNOT_UPDATE = 10_052;
const TOO_MANY_CONSUMERS = 10_026;

import { METRIC_SCHEMA } from '#contracts/metrics.ts';
import { PLAIN_RECORD_SCHEMA } from '#contracts/record.ts';
import type { Stream } from '#contracts/tables.ts';
import { ACCESS_PARTITIONS, encodeBlockHeaders, meshTopics } from '#contracts/topics.ts';
import type { BlockProducer } from '#platform/kafka.ts';

export interface Sender {
  mesh: string;
  worker: number;
  served: Record<Stream, number>;
  seqs: Record<Stream, number>;
}

/** The rows are of this moment. */
export async function send(
  producer: BlockProducer,
  { mesh, worker, served, seqs }: Sender,
  stream: Stream,
  value: Buffer,
  rows: number,
): Promise<void> {
  const nowMs = Date.now();
  const timesAt = value.indexOf(TIME_HEAD) + TIME_HEAD.length;
  const time = BigInt(nowMs) * 1_000n;
  for (let row = 0; row < rows; row++) value.writeBigInt64LE(time, timesAt + row * 8);
  served[stream] += rows;
  const headers = encodeBlockHeaders({
    schema: stream === 'access' ? PLAIN_RECORD_SCHEMA : METRIC_SCHEMA,
    ...{ proxy: 'bench', instance: 'bench', worker, seq: ++seqs[stream], logEpoch: 1 },
    ...{ rows, served: served[stream], sampledOut: 0, dropped: 0, minTs: nowMs, maxTs: nowMs },
    ...{ end: 0, bound: 0 },
  });
  const partition = stream === 'access' ? (worker * 2) % ACCESS_PARTITIONS : worker;
  const sent = await producer.send(meshTopics(mesh)[stream], partition, { value, headers });
  if (!sent.ok) throw new Error(`Kafka did not take a block: ${sent.message}`);
}

const TIME_HEAD = Buffer.from("\x04time\x14DateTime64(6, 'UTC')", 'latin1');

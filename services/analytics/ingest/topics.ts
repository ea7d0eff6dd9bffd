import { ACCESS_PARTITIONS, METRICS_PARTITIONS, meshTopics } from '#contracts/topics.ts';
import type { Kafka, TopicSpec } from '#platform/kafka.ts';

const DAY_MS = 86_400_000;
/** The largest block and its headers, with room to spare. */
const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;

/**
 * The topics of a mesh as this service makes them. Time is the broker's (LogAppendTime), so that
 * all blocks share one clock whatever their proxies' clocks say; blocks are compressed by their
 * producers.
 */
export function topicSpecs(mesh: string): TopicSpec[] {
  const topics = meshTopics(mesh);
  const config = (keepDays: number): Record<string, string> => ({
    'cleanup.policy': 'delete',
    'retention.ms': String(keepDays * DAY_MS),
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(MESSAGE_BYTES_MAX),
    'compression.type': 'producer',
  });
  return [
    { topic: topics.access, partitions: ACCESS_PARTITIONS, config: config(3) },
    { topic: topics.metrics, partitions: METRICS_PARTITIONS, config: config(3) },
    { topic: topics.dead, partitions: 1, config: config(14) },
  ];
}

export interface TopicProblems {
  /** One sentence for each topic that is absent and could not be made. */
  absent: string[];
  /** One sentence for each that is there and not as it should be. */
  different: string[];
}

/** Makes what is absent. Rejects when Kafka is away. */
export async function ensureMeshTopics(kafka: Kafka, mesh: string): Promise<TopicProblems> {
  const problems: TopicProblems = { absent: [], different: [] };
  for (const { problem, partitions } of await kafka.ensureTopics(topicSpecs(mesh))) {
    if (problem === undefined) continue;
    (partitions === 0 ? problems.absent : problems.different).push(problem);
  }
  return problems;
}

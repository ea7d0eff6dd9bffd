import type { KafkaConfig, Kafka as Library, LogEntry, SASLOptions } from 'kafkajs';
import { systemClock } from '../clock.ts';
import { readAccess } from './access.ts';
import { Group } from './group.ts';
import { kafkajs } from './library.ts';
import { OneAtATimeProducer } from './producer.ts';
import { readRange } from './read-range.ts';
import { TopicAdmin } from './topics.ts';
import type { Kafka, KafkaSettings } from './types.ts';

const CONNECT_TIMEOUT_MS = 3_000;
/** Of each try, of which a request has three. */
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * Every retry in kafkajs is short: waiting out an outage is done here and by the callers, who
 * start anew with fresh connections. All fields are given, since kafkajs has other defaults when
 * NODE_ENV is `test`.
 */
const RETRY = {
  retries: 2,
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  factor: 0.2,
  multiplier: 2,
};

/** A link to a cluster. Does no I/O itself; see the methods for what they guarantee. */
export function connectKafka(settings: KafkaSettings): Kafka {
  const open = (): Library => openLibrary(settings);
  const admin = new TopicAdmin(open);
  const closers = new Set<() => Promise<void>>();
  const { clock = systemClock } = settings;
  const kafka: Kafka = {
    createProducer() {
      const producer = new OneAtATimeProducer(open);
      closers.add(() => producer.close());
      return producer;
    },
    consumeGroup(options) {
      const { log } = settings;
      const close = (): Promise<void> => group.stop();
      const stopped = (): void => void closers.delete(close);
      const group = new Group({ open, options, log, clock, retry: RETRY, stopped });
      closers.add(close);
      return group;
    },
    ensureTopics: (topics) => admin.ensureTopics(topics),
    partitionCount: (topic) => admin.partitionCount(topic),
    committed: (groupId, topic) => admin.committed(groupId, topic),
    offsets: (topic) => admin.offsets(topic),
    readRange: (range) => readRange(kafka, range, clock),
    async close() {
      await Promise.all([...closers].map((close) => close()));
      closers.clear();
    },
  };
  return kafka;
}

/** Anew for each connection: a password that was changed is read then. */
function openLibrary(settings: KafkaSettings): Library {
  const { access, brokers, clientId, requestTimeoutMs = REQUEST_TIMEOUT_MS } = settings;
  const { ssl, sasl } = access === undefined ? {} : readAccess(access);
  const config: KafkaConfig = {
    brokers: [...brokers],
    clientId,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: RETRY,
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => logEntry(settings, entry),
  };
  if (ssl !== undefined) config.ssl = ssl;
  if (sasl !== undefined) config.sasl = sasl as SASLOptions;
  return new kafkajs.Kafka(config);
}

/**
 * kafkajs calls every try that failed an error: that is for those who look for it. What matters
 * (away, back, crashed) is told once by those who use the link.
 */
function logEntry(settings: KafkaSettings, entry: LogEntry): void {
  const { message, broker, error, groupId } = entry.log;
  settings.log('debug', `kafkajs: ${message}`, { broker, error, groupId });
}

/**
 * Kafka behind a small interface of ours; the library behind it may change
 * (decisions/0001-kafkajs.md).
 */
export { connectKafka } from './kafka/connect.ts';
export { KafkaError } from './kafka/errors.ts';
export { Outage } from './kafka/outage.ts';
export type * from './kafka/types.ts';

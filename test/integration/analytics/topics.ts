import { kafkaBrokers } from '#test/parts.ts';
import { type Admin, Kafka as Library, logLevel } from 'kafkajs';
import { onTestFinished } from 'vitest';

/** Of the run's Kafka, past our own interface; disconnected after the test. */
export async function openAdmin(): Promise<Admin> {
  const admin = new Library({ brokers: [kafkaBrokers()], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  return admin;
}

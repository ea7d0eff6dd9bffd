import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeList } from '#local/ports.ts';
import { inject, onTestFinished } from 'vitest';
import type {} from './setup.ts';

/** Address of the run's NATS with JetStream. For tests outside `test/unit`, like the next two. */
export function natsUrl(): string {
  return inject('natsUrl');
}

/** `host:port` of the run's Kafka; topics are not made by accident: create yours. */
export function kafkaBrokers(): string {
  return inject('kafkaBrokers');
}

/** Address of the run's ClickHouse; use a database of your own, for example the mesh's name. */
export function clickhouseUrl(): string {
  return inject('clickhouseUrl');
}

/**
 * A mesh's name (an RFC 1123 label) that no other test has: subjects, topics and databases named
 * after it keep tests apart that share the servers.
 */
export function uniqueMesh(): string {
  return `m${randomBytes(6).toString('hex')}`;
}

/** A new folder, deleted after the test that asked for it. Call it inside a test. */
export function tempDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'windrose-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** A port on 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freeList(1);
  return port;
}

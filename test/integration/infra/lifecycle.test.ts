import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PartError } from '#local/errors.ts';
import { type RunningParts, freePorts, startParts } from '#local/parts.ts';
import { ROOT } from '#local/install.mjs';
import { kafkaAnswers } from '#local/probe.ts';
import { tempDir } from '#test/parts.ts';
import { isAlive, until } from '#test/processes.ts';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { Kafka, logLevel } from 'kafkajs';
import { connect } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const OWNER = fileURLToPath(new URL('fixtures/owner.ts', import.meta.url));
const LIFELINE = join(ROOT, 'infra/local/lifeline.mjs');

// Parts of this file's own, since it kills them.
describe('a part that is killed', () => {
  const died: PartError[] = [];
  let folder = '';
  let parts: RunningParts;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'windrose test '));
    const ports = await freePorts();
    parts = await startParts({ dataDir: folder, ports, died: (error) => void died.push(error) });
  }, 90_000);

  afterAll(async () => {
    await parts?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('NATS is back on the same port with what it acknowledged', async () => {
    const { nats } = parts;
    let connection = await connect({ servers: nats?.address ?? '' });
    const manager = await connection.jetstreamManager();
    await manager.streams.add({ name: 'kept', subjects: ['kept'] });
    await connection.jetstream().publish('kept', 'x');
    await connection.close();
    await nats?.kill('SIGKILL');
    expect(nats?.pid).toBeUndefined();
    await nats?.restart();
    connection = await connect({ servers: nats?.address ?? '' });
    const { state } = await (await connection.jetstreamManager()).streams.info('kept');
    expect(state.messages).toBe(1);
    await connection.close();
  });

  test('ClickHouse is back on the same port with what it acknowledged', async () => {
    const { clickhouse } = parts;
    const client = createClient({ url: clickhouse?.address ?? '' });
    await client.command({ query: 'CREATE DATABASE kept' });
    await client.command({
      query: 'CREATE TABLE kept.rows (n UInt64) ENGINE = MergeTree ORDER BY n',
    });
    await client.insert({ table: 'kept.rows', values: [{ n: 7 }], format: 'JSONEachRow' });
    await clickhouse?.kill('SIGKILL');
    await clickhouse?.restart();
    const result = await client.query({ query: 'SELECT n FROM kept.rows', format: 'TabSeparated' });
    expect(await result.text()).toBe('7\n');
    await client.close();
  });

  test('ClickHouse logs what went wrong, and not each step of each query', async () => {
    const { clickhouse } = parts;
    const log = { level: ClickHouseLogLevel.OFF };
    const client = createClient({ url: clickhouse?.address ?? '', log });
    await expect(client.query({ query: 'SELECT * FROM nowhere' })).rejects.toThrow('nowhere');
    await client.close();
    const logged = (): string => readFileSync(clickhouse?.logFile ?? '', 'utf8');
    await until('the error is logged', () => logged().includes('<Error>'), 10_000);
    expect(logged()).not.toMatch(/<(Trace|Debug|Information)>/);
  });

  test('Kafka is back on the same port with its topics', async () => {
    const { kafka } = parts;
    const brokers = [kafka?.address ?? ''];
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 3 }] });
    await admin.disconnect();
    await kafka?.kill('SIGKILL');
    await kafka?.restart();
    await admin.connect();
    expect(await admin.listTopics()).toContain('kept');
    await admin.disconnect();
  });

  test('an end that nobody asked for is told, with the name of the log', async () => {
    expect(died).toEqual([]);
    process.kill(parts.nats?.pid ?? 0, 'SIGKILL');
    await until('the word of the end', () => died.length === 1);
    expect(died[0]?.message).toContain('NATS ended by itself (SIGKILL); its log ');
    await parts.nats?.restart();
  });

  test('its data has one owner at a time', async () => {
    const again = startParts({ dataDir: folder, ports: await freePorts(), only: ['nats'] });
    await expect(again).rejects.toThrow('is in use by another windrose: stop that one, or set');
  });

  test('a port that is taken names itself, and what was started beside it ends', async () => {
    const ports = await freePorts();
    const taken = { ...ports, nats: Number(new URL(parts.nats?.address ?? '').port) };
    const start = startParts({ dataDir: tempDir(), ports: taken, only: ['nats', 'clickhouse'] });
    await expect(start).rejects.toThrow(`port ${taken.nats} for NATS is taken`);
    await expect(fetch(`http://127.0.0.1:${ports.clickhouseHttp}/ping`)).rejects.toThrow(/fetch/);
  });
});

test('parts whose owner is killed end, and its folder is free', { timeout: 60_000 }, async () => {
  const folder = tempDir();
  const owner = spawn(process.execPath, ['--no-warnings', '--import', LIFELINE, OWNER, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
  const pids = line.split(' ').map(Number);
  expect(pids.map(isAlive)).toEqual([true, true, true]);
  owner.kill('SIGKILL');
  await until('all parts have ended', () => !pids.some(isAlive));
  const parts = await startParts({ dataDir: folder, ports: await freePorts(), only: ['nats'] });
  await parts.stop();
});

test('a broker is ready only when it answers for metadata', async () => {
  expect(await kafkaAnswers('127.0.0.1', 1)).toBe(false);
});

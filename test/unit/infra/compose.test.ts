import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { demoPorts } from '#local/ports.ts';
import {
  clickhouseSettings,
  kafkaHeap,
  kafkaSettings,
  natsConfig,
  versions,
} from '#local/settings.ts';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

interface Service {
  readonly image: string;
  readonly ports: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
}

const FOLDER = join(ROOT, 'infra', 'compose');
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const { services } = parse(read('compose.yaml')) as { services: Record<string, Service> };

test('the images carry the versions of the local parts', () => {
  expect(services['nats']?.image).toBe(`nats:${versions.natsServer.replace(/\.\d+$/, '')}`);
  expect(services['kafka']?.image).toBe(`apache/kafka:${versions.kafka}`);
  expect(services['clickhouse']?.image).toBe(`clickhouse/clickhouse-server:${versions.clickhouse}`);
});

test('NATS has the configuration of the local one', () => {
  const at = { listen: '0.0.0.0:4222', name: 'windrose', storeDir: '/data' };
  expect(read('nats.conf')).toBe(natsConfig(at));
});

test('Kafka has the settings of the local one', () => {
  const environment = services['kafka']?.environment ?? {};
  const variable = (key: string): string => `KAFKA_${key.toUpperCase().replaceAll('.', '_')}`;
  const wanted = Object.fromEntries(
    Object.entries(kafkaSettings).map(([key, value]) => [variable(key), value]),
  );
  expect(environment).toMatchObject(wanted);
  expect(environment['KAFKA_HEAP_OPTS']).toBe(kafkaHeap.join(' '));
  const others = Object.keys(environment)
    .filter((key) => !(key in wanted))
    .sort();
  expect(others).toEqual([
    'CLUSTER_ID',
    'KAFKA_ADVERTISED_LISTENERS',
    'KAFKA_CONTROLLER_QUORUM_VOTERS',
    'KAFKA_HEAP_OPTS',
    'KAFKA_LISTENERS',
    'KAFKA_LOG_DIRS',
  ]);
});

test('ClickHouse has the settings of the local one', () => {
  const profile = Object.entries(clickhouseSettings)
    .map(([key, value]) => `      <${key}>${value}</${key}>\n`)
    .join('');
  expect(read('clickhouse-users.xml')).toContain(`<default>\n${profile}    </default>`);
});

test('the ports are those of npm start, on this machine only', () => {
  const ports = demoPorts(7000);
  expect(services['nats']?.ports).toEqual([`127.0.0.1:${ports.nats}:4222`]);
  expect(services['kafka']?.ports).toEqual([`127.0.0.1:${ports.kafka}:${ports.kafka}`]);
  expect(services['clickhouse']?.ports).toEqual([
    `127.0.0.1:${ports.clickhouseHttp}:8123`,
    `127.0.0.1:${ports.clickhouseNative}:9000`,
  ]);
  const all = Object.values(services).flatMap((service) => service.ports);
  expect(all.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
});

test('the files that are mounted exist', () => {
  const mounted = Object.values(services)
    .flatMap((service) => service.volumes)
    .filter((volume) => volume.startsWith('./'))
    .map((volume) => volume.split(':')[0] ?? '');
  expect(mounted.filter((path) => !existsSync(join(FOLDER, path)))).toEqual([]);
  expect(mounted).toHaveLength(2);
});

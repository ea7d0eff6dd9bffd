import { encodeJson } from '#platform/nats.ts';
import { expect, test } from 'vitest';
import { readHeartbeat } from '../../../../services/config/registry/heartbeat.ts';

const good = {
  mesh: 'm',
  proxy: 'r1',
  instance: 'i',
  role: 'sidecar',
  state: 'up',
  version: '0.1.0',
  workload: 'shop/reviews',
  zone: '',
  labels: {},
  workers: 1,
  revision: { epoch: 1, sequence: 3 },
  logDigest: 'sha256:0',
  startedAt: '2026-01-01T00:00:00Z',
  time: '2026-01-01T00:00:00Z',
  announces: { service: 'shop/reviews', address: '127.0.0.1', port: 9000 },
};
const read = (value: unknown, subject = 'windrose.m.heartbeat.r1'): unknown =>
  readHeartbeat(encodeJson(value), 'm', subject);

test('a heartbeat is read as it was sent', () => {
  expect(read(good)).toEqual(good);
});

test.each([
  ['another mesh', { ...good, mesh: 'x' }, 'speaks of the mesh x'],
  ['another proxy than its subject', { ...good, proxy: 'r2' }, 'speaks for r2'],
  ['a name with a dot', { ...good, proxy: 'r.1' }, '/proxy'],
  ['no revision', { ...good, revision: undefined }, 'revision'],
  ['an unknown state', { ...good, state: 'asleep' }, '/state'],
  ['a host name', { ...good, announces: { ...good.announces, address: 'host' } }, 'no IP address'],
  [
    'a service of three',
    { ...good, announces: { ...good.announces, service: 'a/b/c' } },
    'service',
  ],
  ['port 0', { ...good, announces: { ...good.announces, port: 0 } }, '/announces/port'],
])('a heartbeat with %s is refused with the reason', (_what, value, why) => {
  expect(read(value)).toContain(why);
});

test('what is no JSON is refused', () => {
  expect(readHeartbeat(new TextEncoder().encode('{'), 'm', 'x')).toBe('it is no JSON object');
});

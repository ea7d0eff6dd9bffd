import type { SecretValues } from '#proxy/tls/secrets.ts';
import { secretProblems } from '#proxy/tls/secret-problems.ts';
import { FakeClock, type Timer } from '#platform/clock.ts';
import { until } from '#test/processes.ts';
import { describe, expect, test } from 'vitest';
import {
  CertificateFolder,
  ca,
  certificates,
  httpsGateway,
  leaf,
  secure,
  startEdge,
} from './edge.ts';

const first = leaf(['shop.example']);
const second = leaf(['shop.example']);
const WAIT_MS = 1_000;
const digestOf = (letter: string): string => `hmac-sha256:${letter.repeat(64)}`;

function secret(letter: string): object {
  return {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'web', namespace: 'shop' } },
    sealed: { digest: digestOf(letter), keys: ['tls.crt', 'tls.key'] },
  };
}

function values(letter: string, issued: { cert: string; key: string }): SecretValues {
  const { cert, key } = issued;
  return { secret: 'shop/web', digest: digestOf(letter), cert, key, ca: undefined };
}

/** Tells when somebody waits for values. */
class WaitingClock extends FakeClock {
  waits = false;

  override after(delayMs: number, run: () => void): Timer {
    this.waits ||= delayMs === WAIT_MS;
    return super.after(delayMs, run);
  }
}

async function startShop(...more: unknown[]) {
  const clock = new WaitingClock();
  const edge = await startEdge({
    clock,
    resources: (port) => [httpsGateway(port, [{ tls: certificates('web') }]), ...more],
  });
  return { edge, clock };
}

async function serialAt(port: number): Promise<string> {
  const socket = await secure(port, { servername: 'shop.example' });
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

const AT = 'spec.listeners[name=http].tls.certificateRefs';

test('a certificate of the mesh is served with its values, and then the next one', async () => {
  const { edge, clock } = await startShop();
  expect(edge.problems.map(({ message }) => message)).toEqual([
    'there is no Secret shop/web, and the bootstrap of this proxy names no such certificate',
  ]);
  edge.engine.setSecrets([values('a', first)]);
  await edge.apply(secret('a'));
  expect(edge.problems).toEqual([]);
  const serial = await serialAt(edge.port);
  // The next version: first the state, which waits a moment for the values, then those.
  const applied = edge.apply(secret('b'));
  await until('it waits', () => clock.waits);
  edge.engine.setSecrets([values('b', second)]);
  await applied;
  expect(edge.problems).toEqual([]);
  expect(await serialAt(edge.port)).not.toBe(serial);
  // And back, without the values being sent again.
  await edge.apply(secret('a'));
  expect(await serialAt(edge.port)).toBe(serial);
});

test('values that do not come leave the old ones, and are told until they come', async () => {
  const { edge, clock } = await startShop();
  edge.engine.setSecrets([values('a', first)]);
  await edge.apply(secret('a'));
  const serial = await serialAt(edge.port);
  const applied = edge.apply(secret('b'));
  await until('it waits', () => clock.waits);
  clock.advance(WAIT_MS);
  await applied;
  const late = 'Secret shop/web: its values have not come to this proxy yet';
  expect(edge.problems.map(({ message }) => message)).toEqual([
    `${late}; the one before it is still served`,
  ]);
  expect(await serialAt(edge.port)).toBe(serial);
  edge.engine.setSecrets([values('b', second)]);
  expect(edge.told.at(-1)).toEqual([]);
  expect(await serialAt(edge.port)).not.toBe(serial);
});

test('a Secret that is deleted is served no longer', async () => {
  const { edge } = await startShop();
  edge.engine.setSecrets([values('a', first)]);
  await edge.apply(secret('a'));
  await serialAt(edge.port);
  edge.world.delete({ kind: 'Secret', namespace: 'shop', name: 'web' });
  await edge.apply();
  expect(edge.problems).toHaveLength(1);
  await expect(serialAt(edge.port)).rejects.toThrow(/handshake|disconnected|ECONNRESET/);
});

test('a file that the bootstrap names wins over a Secret of the mesh', async () => {
  const files = new CertificateFolder().add('web', second);
  const edge = await startEdge({
    files: files.files,
    resources: (port) => [httpsGateway(port, [{ tls: certificates('web') }]), secret('a')],
  });
  const serial = await serialAt(edge.port);
  edge.engine.setSecrets([values('a', first)]);
  expect(await serialAt(edge.port)).toBe(serial);
});

test('values that are no certificate are told and leave the old ones', async () => {
  const { edge } = await startShop();
  edge.engine.setSecrets([
    values('a', first),
    values('b', { cert: first.cert, key: second.key }),
    { ...values('c', first), cert: undefined },
  ]);
  await edge.apply(secret('a'));
  await edge.apply(secret('b'));
  expect(edge.problems.map(({ path, message }) => [path, message])).toEqual([
    [AT, expect.stringContaining('the key is not that of the certificate; the one before')],
  ]);
  await serialAt(edge.port);
  await edge.apply(secret('c'));
  expect(edge.problems.map(({ message }) => message)).toEqual([
    'the Secret shop/web has no tls.crt and tls.key',
  ]);
});

test('a Secret that nothing refers to is waited for by nobody', async () => {
  const { edge, clock } = await startShop();
  await edge.apply({ ...secret('a'), metadata: { name: 'other', namespace: 'shop' } });
  expect(clock.waits).toBe(false);
  expect(edge.problems).toHaveLength(1);
});

describe('what would keep values from being served', () => {
  const data = (pem: Record<string, string>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(pem).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
    );
  test.each<[string, string | undefined, Record<string, string>, string[]]>([
    ['nothing', undefined, { token: 'x' }, []],
    ['nothing', 'kubernetes.io/tls', { 'tls.crt': first.cert, 'tls.key': first.key }, []],
    ['nothing', undefined, { 'ca.crt': ca.cert }, []],
    ['no pair', 'kubernetes.io/tls', {}, ['data.tls.crt', 'data.tls.key']],
    ['no key', undefined, { 'tls.crt': first.cert }, ['data.tls.key']],
    ['another key', undefined, { 'tls.crt': first.cert, 'tls.key': second.key }, ['data.tls.crt']],
    ['no authority', undefined, { 'ca.crt': 'no' }, ['data.ca.crt']],
  ])('%s: type %s', (_what, type, pem, paths) => {
    expect(secretProblems(type, data(pem)).map(({ path }) => path)).toEqual(paths);
  });
});

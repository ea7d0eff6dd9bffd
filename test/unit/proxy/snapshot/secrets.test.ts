import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Resource } from '#contracts/resources/index.ts';
import { type SecretMessage, secretContext } from '#contracts/secrets.ts';
import { type Log, createLog } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';
import { Unsealer, newSealingKeys, seal } from '#platform/sealing.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { Secrets } from '#proxy/snapshot/secrets.ts';
import { FileSecrets } from '#proxy/snapshot/file-secrets.ts';
import type { SecretValues } from '#proxy/tls/secrets.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { readResource } from '#contracts/resources/read.ts';

const signing = newSigningKeys();
const signer = new Signer(signing.privateKey, 'a key');
const trust = new Trust([{ pem: signing.publicKey, from: 'trust' }]);
const own = newSealingKeys();
const VALUE = '-----BEGIN A VERY SECRET KEY-----';
const DIGEST = `hmac-sha256:${'a'.repeat(64)}`;

function messageOf(more: Partial<SecretMessage> = {}): SecretMessage {
  const of = {
    ...{ mesh: 'm', proxy: 'edge', secret: 'shop/web', digest: DIGEST, part: 'all' as const },
    ...more,
  };
  const values = { 'tls.key': Buffer.from(VALUE).toString('base64') };
  const box = more.box ?? seal(own.sealTo, secretContext(of), JSON.stringify(values));
  return signer.sign<SecretMessage>('secret', { ...of, sealTo: own.sealTo, box });
}

function open(dir = tempDir()) {
  const given: SecretValues[] = [];
  const errors: string[] = [];
  const silent = createLog({ service: 'test', level: 'silent' });
  const error = (first: unknown): void => void errors.push(JSON.stringify(first));
  const log: Log = Object.assign(Object.create(silent) as Log, { error });
  const secrets = new Secrets({
    ...{ mesh: 'm', proxy: 'edge', trust, dir, log },
    unsealer: new Unsealer(own.privateKey, 'a key'),
    given: (values) => void given.push(...values),
  });
  return { secrets, given, errors, dir };
}

test('a Secret is opened, and lies on disk as it came: sealed', async () => {
  const { secrets, given, dir } = open();
  secrets.take(encodeJson(messageOf()));
  expect(given).toEqual([
    { secret: 'shop/web', digest: DIGEST, key: VALUE, cert: undefined, ca: undefined },
  ]);
  await secrets.flush();
  const text = readFileSync(join(dir, 'secrets.json'), 'utf8');
  expect(text).not.toContain(VALUE);
  expect(text).not.toContain(Buffer.from(VALUE).toString('base64'));
  const again = open(dir);
  await again.secrets.restore((secret) => secret === 'shop/web');
  expect(again.given).toEqual(given);
  const without = open(dir);
  await without.secrets.restore(() => false);
  expect(without.given).toEqual([]);
});

test.each<[string, Partial<SecretMessage> | ((good: SecretMessage) => unknown), string]>([
  ['for another proxy', { proxy: 'other' }, 'it is for m/other'],
  ['of another mesh', { mesh: 'n' }, 'it is for n/edge'],
  ['unsigned', ({ signature: _signature, ...rest }) => rest, 'it is not signed'],
  ['changed', (good) => ({ ...good, secret: 'shop/other' }), 'it does not match its signature'],
  ['sealed for something else', { box: seal(own.sealTo, 'x', '{}') }, 'it was not sealed to this'],
  ['no object', () => 'a text', 'it is no JSON object'],
])('a Secret that is %s is refused and told', (_name, forge, why) => {
  const { secrets, given, errors } = open();
  const message = typeof forge === 'function' ? forge(messageOf()) : messageOf(forge);
  secrets.take(encodeJson(message));
  expect(given).toEqual([]);
  expect(errors).toEqual([expect.stringContaining(why)]);
});

test('what cannot be read on disk is told, and the rest is taken', async () => {
  const { secrets, given, errors, dir } = open();
  writeFileSync(join(dir, 'secrets.json'), JSON.stringify([{ nonsense: true }, messageOf()]));
  await secrets.restore(() => true);
  expect(given).toHaveLength(1);
  expect(errors).toHaveLength(1);
  writeFileSync(join(dir, 'secrets.json'), 'no JSON');
  await secrets.restore(() => true);
  expect(errors).toHaveLength(2);
});

test('a disk that takes nothing is told, and the Secret is served all the same', async () => {
  const dir = join(tempDir(), 'a-file');
  writeFileSync(dir, '');
  const { secrets, given, errors } = open(dir);
  secrets.take(encodeJson(messageOf()));
  await secrets.flush();
  expect(given).toHaveLength(1);
  expect(errors).toEqual([expect.stringMatching(/ENOTDIR|EEXIST/)]);
});

test('values of Secrets in files are taken out before anybody can see them', () => {
  const secret = (value: string): Resource => {
    const written = {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'web', namespace: 'shop' } },
      stringData: { 'tls.key': value },
    };
    const result = readResource(written, 'a file');
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    return result.resource;
  };
  const files = new FileSecrets();
  const { upserts, values } = files.take([secret(VALUE)]);
  expect(values.map(({ secret: name, key }) => [name, key])).toEqual([['shop/web', VALUE]]);
  expect(JSON.stringify(upserts)).not.toMatch(/VERY SECRET|stringData/);
  expect(files.take([secret(VALUE)]).upserts).toEqual(upserts);
  expect(files.take([secret('another')]).upserts).not.toEqual(upserts);
  expect(new FileSecrets().take([secret(VALUE)]).upserts).not.toEqual(upserts);
});

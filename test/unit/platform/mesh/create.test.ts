import { X509Certificate, createPrivateKey, createPublicKey } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { accountsConfig, readAccountKeys } from '#platform/mesh/accounts.ts';
import { renewServerCertificate, serverCertificateDays } from '#platform/mesh/certificates.ts';
import { type CreateMeshOptions, createMesh } from '#platform/mesh/create.ts';
import { type MeshPaths, meshPaths, readAbout, readKeys } from '#platform/mesh/folder.ts';
import { Signer, Trust } from '#platform/signing.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';

const NOW_MS = Date.parse('2026-06-01T00:00:00Z');

function make(more: Partial<CreateMeshOptions> = {}): MeshPaths {
  const dir = join(tempDir(), 'prod');
  const natsHosts = ['localhost', '127.0.0.1'];
  return createMesh({ ...{ dir, mesh: 'prod', natsHosts, nowMs: NOW_MS }, ...more });
}

/** Every file with its mode, as `path mode`. */
function filesIn(dir: string): string[] {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => `${relative(dir, file)} ${(statSync(file).mode & 0o777).toString(8)}`)
    .sort();
}

test('a new mesh is these files, and only what is public can be read by others', () => {
  const paths = make({ natsConfig: () => 'listen: 1\n' });
  expect(filesIn(paths.dir)).toEqual([
    'creds/alerting.creds 600',
    'creds/config.creds 600',
    'creds/system.creds 600',
    'keys/account.nk 600',
    'keys/nats-ca.key 600',
    'keys/operator.nk 600',
    'keys/proxy-account.nk 600',
    'keys/system-account.nk 600',
    'mesh.json 644',
    'nats/accounts.conf 600',
    'nats/ca.pem 644',
    'nats/nats.conf 644',
    'nats/server.key 600',
    'nats/server.pem 644',
    'sealing.key 600',
    'signing.key 600',
    'trust.pem 644',
  ]);
  for (const folder of ['.', 'keys', 'creds', 'nats']) {
    expect(statSync(join(paths.dir, folder)).mode & 0o777).toBe(0o700);
  }
  expect(readdirSync(dirname(paths.dir))).toEqual(['prod']);
  expect(readAbout(paths.dir)).toEqual({
    format: 1,
    mesh: 'prod',
    natsHosts: ['localhost', '127.0.0.1'],
    madeAt: '2026-06-01T00:00:00.000Z',
  });
});

test('its keys are what they are for', () => {
  const paths = make();
  const signed = Signer.read(paths.signingKey).sign('head', { a: 1 } as object);
  expect(Trust.read([paths.trust]).refusalOf('head', signed)).toBeUndefined();
  const sealing = createPrivateKey(readFileSync(paths.sealingKey, 'utf8'));
  expect(sealing.asymmetricKeyType).toBe('x25519');
  expect(readKeys(paths.keys.operator).getPublicKey()).toMatch(/^O/);
  expect(readKeys(paths.keys.account).getPublicKey()).toMatch(/^A/);
  const other = make();
  expect(readFileSync(other.signingKey, 'utf8')).not.toBe(readFileSync(paths.signingKey, 'utf8'));
});

test('the certificate of NATS names its hosts, and can be made anew by the same authority', () => {
  const paths = make({ natsHosts: ['nats.example.com', '10.1.2.3'] });
  const authority = new X509Certificate(readFileSync(paths.nats.ca));
  const shown = (): X509Certificate => new X509Certificate(readFileSync(paths.nats.cert));
  expect(shown().subjectAltName).toBe('DNS:nats.example.com, IP Address:10.1.2.3');
  expect(shown().checkIssued(authority)).toBe(true);
  expect(Math.round(serverCertificateDays(paths, NOW_MS))).toBe(397);
  const before = shown().serialNumber;
  const laterMs = NOW_MS + 300 * 24 * 60 * 60 * 1_000;
  const until = renewServerCertificate(paths, laterMs);
  expect(until.toISOString()).toBe('2028-04-28T00:00:00.000Z');
  expect(shown().serialNumber).not.toBe(before);
  expect(shown().checkIssued(authority)).toBe(true);
  expect(shown().verify(authority.publicKey)).toBe(true);
  const key = createPublicKey(readFileSync(paths.nats.key, 'utf8'));
  expect(key.equals(shown().publicKey)).toBe(true);
});

test('keys are never written over', () => {
  const paths = make();
  const before = filesIn(paths.dir);
  const again = { dir: paths.dir, mesh: 'prod', natsHosts: ['localhost'], nowMs: NOW_MS };
  expect(() => createMesh(again)).toThrow(
    /prod is not empty: nothing was written; name a new folder, or remove that one yourself$/,
  );
  expect(filesIn(paths.dir)).toEqual(before);
});

test('an empty folder may be there; a file may not', () => {
  const dir = join(tempDir(), 'empty');
  mkdirSync(dir);
  expect(readAbout(make({ dir }).dir).mesh).toBe('prod');
  const file = join(tempDir(), 'file');
  writeFileSync(file, '');
  expect(() => make({ dir: file })).toThrow(/file cannot be used: .*ENOTDIR/);
});

test('nothing is left of a folder that could not be made', () => {
  const parent = tempDir();
  expect(() => make({ dir: join(parent, 'prod'), mesh: 'Not a name' })).toThrow(
    /no name of a mesh/,
  );
  const failing = (): string => {
    throw new Error('no text');
  };
  expect(() => make({ dir: join(parent, 'prod'), natsConfig: failing })).toThrow('no text');
  expect(readdirSync(parent)).toEqual([]);
  // Root may write everywhere: a file in the place of the parent stops everyone.
  writeFileSync(join(parent, 'file'), '');
  expect(() => make({ dir: join(parent, 'file', 'prod') })).toThrow(/cannot be (made|used): /);
});

test('another folder, and a damaged one, are refused with a sentence', () => {
  const dir = tempDir();
  expect(() => readAbout(dir)).toThrow(/is no folder of `windrose mesh init`: ENOENT/);
  writeFileSync(join(dir, 'mesh.json'), '{"format":2,"mesh":"a"}');
  expect(() => readAbout(dir)).toThrow(/is of another version of Windrose, or damaged$/);
  writeFileSync(join(dir, 'mesh.json'), '{');
  expect(() => readAbout(dir)).toThrow(/mesh\.json is damaged: /);
  const paths = make();
  chmodSync(paths.keys.account, 0o600);
  writeFileSync(paths.keys.account, 'nonsense');
  expect(() => readAccountKeys(paths)).toThrow(/account\.nk holds no NATS seed/);
  rmSync(paths.keys.account);
  expect(() => readAccountKeys(paths)).toThrow(/a key of the mesh cannot be read: ENOENT/);
});

test('the accounts of NATS are tokens that the operator has signed', () => {
  const paths = make();
  const keys = readAccountKeys(paths);
  const text = accountsConfig({
    ...{ ...keys, mesh: 'prod', revoked: [] },
    ...{ madeAtMs: NOW_MS, nowMs: NOW_MS },
  });
  expect(meshPaths(paths.dir)).toEqual(paths);
  const account = keys.account.getPublicKey();
  const token = new RegExp(`^ {2}${account}: (\\S+)$`, 'm').exec(text)?.[1] ?? '';
  const [header = '', claims = '', signature = ''] = token.split('.');
  const read = (part: string): object =>
    JSON.parse(Buffer.from(part, 'base64url').toString()) as object;
  expect(read(header)).toEqual({ typ: 'JWT', alg: 'ed25519-nkey' });
  expect(read(claims)).toMatchObject({
    iat: NOW_MS / 1_000,
    iss: keys.operator.getPublicKey(),
    sub: account,
    name: 'prod',
    jti: expect.stringMatching(/^[A-Z2-7]{52}$/) as string,
    nats: { type: 'account', version: 2, limits: { disk_storage: -1, streams: -1 } },
  });
  expect(signature).toHaveLength(86);
});

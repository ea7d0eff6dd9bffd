import { X509Certificate } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { demoCredential, demoMesh } from '#demo/mesh.ts';
import { readCredential } from '#platform/credential.ts';
import { issuedRecords } from '#platform/mesh/accounts.ts';
import type { MeshPaths } from '#platform/mesh/folder.ts';
import { issueCertificate } from '#platform/x509.ts';
import { tempDir } from '#test/parts.ts';
import { beforeEach, expect, test } from 'vitest';

let dataDir: string;
let said: string[];

beforeEach(() => {
  dataDir = join(tempDir(), 'demo');
  said = [];
});

const make = (mesh = 'demo'): MeshPaths => demoMesh(dataDir, mesh, (text) => said.push(text));

test('the keys of the demo are made once', () => {
  const first = make();
  const key = readFileSync(first.signingKey, 'utf8');
  const cert = readFileSync(first.nats.cert, 'utf8');
  expect(make()).toEqual(first);
  expect(readFileSync(first.signingKey, 'utf8')).toBe(key);
  expect(readFileSync(first.nats.cert, 'utf8')).toBe(cert);
  expect(said).toEqual([]);
  expect(() => make('other')).toThrow(/is of the mesh demo, not of other$/);
});

test('a certificate of NATS that is about to end is made anew', () => {
  const { nats } = make();
  const notAfter = new Date(Date.now() + 86_400_000);
  writeFileSync(nats.cert, issueCertificate({ name: 'x', notAfter }).cert);
  make();
  const { validToDate, subjectAltName } = new X509Certificate(readFileSync(nats.cert));
  expect(validToDate.getTime()).toBeGreaterThan(Date.now() + 300 * 86_400_000);
  expect(subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1');
});

test('a log from before there were accounts is set aside, with the snapshots of it', () => {
  const store = join(dataDir, 'nats', 'jetstream', 'jetstream', '$G');
  const proxy = join(dataDir, 'proxies', 'edge');
  mkdirSync(store, { recursive: true });
  mkdirSync(proxy, { recursive: true });
  writeFileSync(join(store, 'log'), 'x');
  const names = ['snapshot.json', 'snapshot.previous.json', 'ledger'];
  for (const name of names) writeFileSync(join(proxy, name), '{}');
  make();
  expect(readdirSync(proxy)).toEqual(['ledger']);
  const [kept = '', ...others] = readdirSync(join(dataDir, 'nats'));
  expect(kept).toMatch(/^jetstream\.\d+\.old$/);
  expect(others).toEqual([]);
  const log = join(dataDir, 'nats', kept, 'jetstream', '$G', 'log');
  expect(readFileSync(log, 'utf8')).toBe('x');
  expect(said).toEqual([expect.stringContaining(`the old one is in ${dataDir}/nats/${kept}`)]);
  mkdirSync(store, { recursive: true });
  make();
  expect(existsSync(store)).toBe(true);
});

test('a proxy has one credential, as long as it is one of this mesh', () => {
  const keys = make();
  const request = { proxy: 'reviews-1', service: 'shop/reviews', cidrs: ['127.0.0.0/8'] };
  const file = demoCredential(keys, dataDir, request);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const made = readCredential(file);
  expect(made).toMatchObject({ mesh: 'demo', proxy: 'reviews-1', grant: request });
  expect(demoCredential(keys, dataDir, request)).toBe(file);
  expect(readCredential(file)).toEqual(made);
  expect(issuedRecords(keys)).toHaveLength(1);

  writeFileSync(file, '{');
  demoCredential(keys, dataDir, request);
  expect(readCredential(file).proxy).toBe('reviews-1');
  rmSync(keys.dir, { recursive: true });
  const again = make();
  demoCredential(again, dataDir, request);
  expect(readCredential(file).trust).toBe(readFileSync(again.trust, 'utf8'));
});

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProxyCredential } from '#contracts/credential.ts';
import { readCredential } from '#platform/credential.ts';
import { meshPaths, readAbout } from '#platform/mesh/folder.ts';
import { tempDir } from '#test/parts.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Ran, windrose } from './harness.ts';

let dir: string;
let file: string;

beforeEach(() => {
  const folder = tempDir();
  dir = join(folder, 'prod');
  file = join(folder, 'edge.json');
});

const mesh = (...words: string[]): Promise<Ran> => windrose(['mesh', ...words]);
const init = (...words: string[]): Promise<Ran> => mesh('init', dir, ...words);
const credential = (...words: string[]): Promise<Ran> =>
  mesh('credential', dir, '--proxy', 'edge-1', ...words);

describe('mesh init', () => {
  test('makes a mesh named as its folder, and says what comes next', async () => {
    const { status, out, err } = await init();
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(readAbout(dir)).toMatchObject({
      mesh: 'prod',
      natsHosts: ['localhost', '127.0.0.1'],
      madeAt: '2026-06-01T12:00:00.000Z',
    });
    const lines = out.replaceAll(/\S*\/prod\b/g, 'prod');
    await expect(lines).toMatchFileSnapshot('../../golden/cli/mesh-init.txt');
    const text = readFileSync(meshPaths(dir).nats.config, 'utf8');
    expect(text).toContain('listen: "127.0.0.1:4222"');
    expect(text).toContain('include "./accounts.conf"');
    expect(text).toContain(`cert_file: ${JSON.stringify(join(dir, 'nats', 'server.pem'))}`);
    expect(text).toContain('sync_interval: always');
  });

  test('takes a name, an address and hosts', async () => {
    const hosts = ['--nats-host', 'nats.internal', '10.0.0.7'];
    const { status, out } = await init(
      ...['--mesh', 'shop', '--nats-listen', '0.0.0.0:4333', ...hosts],
    );
    expect(status).toBe(0);
    expect(out).toContain('--mesh shop --nats tls://127.0.0.1:4333');
    expect(readAbout(dir).natsHosts).toEqual([
      ...['nats.internal', '10.0.0.7', 'localhost', '127.0.0.1'],
    ]);
  });

  test('never writes over a mesh', async () => {
    await init();
    const before = readFileSync(meshPaths(dir).signingKey, 'utf8');
    expect(await init()).toEqual({
      status: 1,
      out: '',
      err:
        `windrose: ${dir} is not empty: nothing was written; name a new folder, ` +
        'or remove that one yourself\n',
    });
    expect(readFileSync(meshPaths(dir).signingKey, 'utf8')).toBe(before);
  });

  test.each([
    [['--mesh', 'No Name'], 'No Name is no name of a mesh'],
    [['--nats-listen', '4222'], '--nats-listen 4222 is no host:port'],
    [['--nats-listen', 'a:b'], '--nats-listen a:b is no host:port'],
  ])('%j is wrong usage, and makes nothing', async (words, sentence) => {
    const { status, err } = await init(...words);
    expect(status).toBe(2);
    expect(err).toContain(sentence);
    expect(existsSync(dir)).toBe(false);
  });
});

describe('mesh credential', () => {
  beforeEach(async () => {
    await init();
  });

  test('is one private file that a proxy can read', async () => {
    const { status, out, err } = await credential('-o', file, '--gateway', 'shop/edge');
    expect({ status, out }).toEqual({ status: 0, out: '' });
    expect(err).toBe(`${file} is the credential of edge-1, good until it is revoked\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const made = readCredential(file);
    expect(made).toMatchObject({ mesh: 'prod', proxy: 'edge-1' });
    expect(made.grant.gateways).toEqual(['shop/edge']);
  });

  test('of a sidecar says what it may announce, and may end', async () => {
    const { status, out, err } = await mesh(
      ...['credential', dir, '--proxy', 'reviews-1', '--role', 'sidecar'],
      ...['--service', 'shop/reviews', '--cidr', '10.1.0.0/16', '10.2.0.0/16'],
      ...['--expires', '90d'],
    );
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect((JSON.parse(out) as ProxyCredential).grant).toMatchObject({
      service: 'shop/reviews',
      cidrs: ['10.1.0.0/16', '10.2.0.0/16'],
      notAfter: '2026-08-30T12:00:00.000Z',
    });
  });

  test('is not written over by mistake', async () => {
    await credential('-o', file);
    const before = readFileSync(file, 'utf8');
    const again = await credential('-o', file);
    expect(again).toMatchObject({ status: 1 });
    expect(again.err).toContain('edge.json is there already; --replace writes over it');
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect((await credential('-o', file, '--replace')).status).toBe(0);
    expect(readFileSync(file, 'utf8')).not.toBe(before);
    writeFileSync(file, 'my notes');
    const other = await credential('-o', file, '--replace');
    expect(other.err).toContain('edge.json is no credential of edge-1: nothing was written');
    expect(readFileSync(file, 'utf8')).toBe('my notes');
  });

  test.each([
    [['--service', 'shop/a'], '--service is for --role sidecar or fused'],
    [['--cidr', '10.0.0.0/8'], '--cidr is for --role sidecar or fused'],
    [['--role', 'sidecar'], '--service is missing: the Service that a proxy of role sidecar'],
    [['--role', 'fused', '--service', 'a/b'], '--cidr is missing'],
    [['--role', 'sidecar', '--gateway', 'a/b'], '--gateway is for --role gateway or fused'],
    [['--role', 'sidecar', '--service', 'a', '--cidr', '10.0.0.0/8'], 'a is not namespace/name'],
    [['--role', 'sidecar', '--service', 'a/b', '--cidr', 'x'], 'x is no range of addresses'],
    [['--expires', 'soon'], '--expires soon is no time to be good for'],
    [['--expires', '0d'], '--expires 0d is no time to be good for'],
    [['--proxy', 'Edge.1'], 'Edge.1 is no name of a proxy'],
    [['--role', 'x'], 'Allowed choices are gateway, sidecar, fused'],
  ])('%j is wrong usage', async (words, sentence) => {
    const { status, out, err } = await credential(...words);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain(sentence);
  });

  test('needs a folder of mesh init', async () => {
    const { status, err } = await mesh('credential', tempDir(), '--proxy', 'a');
    expect(status).toBe(1);
    expect(err).toContain('is no folder of `windrose mesh init`');
  });
});

test('mesh revoke names what it took back, and what is left to do', async () => {
  await init();
  await credential('-o', file);
  const revoke = (): Promise<Ran> => mesh('revoke', dir, '--proxy', 'edge-1');
  const { status, out } = await revoke();
  expect(status).toBe(0);
  expect(out).toContain(`1 credential of edge-1 revoked in ${meshPaths(dir).nats.accounts}\n`);
  expect(out).toContain('nats-server --signal reload');
  const again = await revoke();
  expect(again.status).toBe(1);
  expect(again.err).toContain('edge-1 has no credential of this mesh that is good');
});

test('mesh certificate makes a new one', async () => {
  await init();
  const before = readFileSync(meshPaths(dir).nats.cert, 'utf8');
  const { status, out } = await mesh('certificate', dir);
  expect(status).toBe(0);
  expect(out).toContain('server.pem is good until 2027-07-03T12:00:00.000Z\n');
  expect(readFileSync(meshPaths(dir).nats.cert, 'utf8')).not.toBe(before);
});

// Every file of infra/examples, as it stands, is taken by a config service that knows nothing else.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Unsealer, newSealingKeys } from '#platform/sealing.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { uniqueMesh } from '#test/parts.ts';
import { expect, test } from 'vitest';
import { type Ran, windrose } from '../../unit/cli/harness.ts';
import { startService } from '../config/support.ts';

const FOLDER = fileURLToPath(new URL('../../../infra/examples/', import.meta.url));
const FILES = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .sort();

const { privateKey, publicKey } = newSigningKeys();
const KEYS = {
  signer: new Signer(privateKey, 'a key'),
  trust: new Trust([{ pem: publicKey, from: 'trust' }]),
  sealing: [new Unsealer(newSealingKeys().privateKey, 'a key')] as const,
};

test.each(FILES)('%s is applied, all of it is as it should be, and it goes again', async (name) => {
  const { url } = await startService(uniqueMesh(), KEYS);
  const file = ['-f', `${FOLDER}${name}`];
  const run = (...args: string[]): Promise<Ran> =>
    windrose(args, { env: { WINDROSE_SERVER: url }, wallMs: Date.now });
  const applied = await run('apply', ...file);
  expect(applied).toMatchObject({ status: 0, err: '' });
  expect(applied.out).toMatch(/revision 1-1: \d+ created\n/);
  const all = await run('get', 'all');
  const [head = '', ...rows] = all.out.trimEnd().split('\n');
  const at = head.indexOf('STATUS');
  expect(rows.filter((row) => !/^(?:OK|-) /.test(row.slice(at)))).toEqual([]);
  const again = await run('apply', ...file);
  expect(again.out).toMatch(/^nothing changed/);
  const deleted = await run('delete', ...file);
  expect(deleted).toMatchObject({ status: 0, err: '' });
});

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { fetchNats } from '#local/nats/server.ts';
import { natsSettings } from '#local/settings.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';

test('the production example is a configuration that the server takes', async () => {
  const text = readFileSync(join(ROOT, 'infra/nats/nats.conf'), 'utf8');
  expect(text).toContain(`sync_interval: ${natsSettings.syncInterval}`);
  const program = await fetchNats({
    cacheDir: join(ROOT, '.windrose/parts'),
    env: process.env,
    progress: () => undefined,
  });
  const folder = tempDir();
  // Certificates and accounts are the operator's own; everything else is checked as it stands.
  const withoutTls = text.replaceAll(/\n *tls \{[^}]*\}/g, '');
  expect(withoutTls).not.toContain('cert_file');
  writeFileSync(join(folder, 'nats.conf'), withoutTls);
  writeFileSync(join(folder, 'accounts.conf'), '');
  const check = (): ReturnType<typeof spawnSync> =>
    spawnSync(program, ['-c', join(folder, 'nats.conf'), '-t'], { encoding: 'utf8' });
  expect(check()).toMatchObject({ status: 0 });
  writeFileSync(join(folder, 'nats.conf'), `${withoutTls}\nno_such_setting: 1\n`);
  expect(check().status).not.toBe(0);
});

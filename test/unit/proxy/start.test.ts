import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '#test/eventually.ts';
import { tempDir } from '#test/parts.ts';

const MAIN = fileURLToPath(new URL('../../../proxy/main.mjs', import.meta.url));
const LOADED = new URL('./support/loaded.mjs', import.meta.url).href;
/** Loaded with all that they load, or only when they are needed, where they are imported at all. */
const NOT_IMPORTED = ['node:http', 'node:http2', 'node:tls', 'node:child_process', 'node:util'];

const SERVICE = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a', namespace: 'shop' } };

it('a start from JSON loads no library', async () => {
  const folder = tempDir();
  const loaded = join(folder, 'loaded');
  const file = join(folder, 'resources.json');
  writeFileSync(file, JSON.stringify({ ...SERVICE, spec: { ports: [{ port: 80 }] } }));
  const { NATS_URL: _nats, KAFKA_BROKERS: _kafka, ...env } = process.env;
  const args = ['--import', LOADED, MAIN, '--resources', file, '--data-dir', join(folder, 'data')];
  const child = spawn(process.execPath, args, {
    env: { ...env, LOADED: loaded },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await eventually(() => (said.includes('ready\n') ? true : undefined), {
    timeoutMs: 10_000,
    what: 'ready',
  });

  const lines = (): string[] => readFileSync(loaded, 'utf8').trimEnd().split('\n');
  const modules = lines();
  const packages = modules.flatMap((url) => /\/node_modules\/([^/]+)/.exec(url)?.[1] ?? []);
  expect(packages).toEqual([]);
  expect(NOT_IMPORTED.filter((name) => modules.includes(`import ${name}`))).toEqual([]);

  // Under other flags V8 compiles anew what it finds compiled: they are set behind the modules.
  expect(modules).not.toContain('flags');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(lines().at(-1)).toBe('flags');
});

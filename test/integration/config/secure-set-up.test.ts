import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProxyList } from '#contracts/api/config.ts';
import { ROOT } from '#local/install.mjs';
import { fetchNats } from '#local/nats/server.ts';
import { accepts } from '#local/probe.ts';
import { freePort, tempDir } from '#test/parts.ts';
import { expect, onTestFinished, test } from 'vitest';
import { Api, eventually } from './support.ts';

const README = join(ROOT, 'services/config/README.md');

/** The lines of the walk-through, as they stand in the README. */
function walkThrough(): string[][] {
  const [, section = ''] = readFileSync(README, 'utf8').split('\n## A secure mesh\n');
  const lines = (section.split('\n## ')[0] ?? '').split('\n');
  return lines.filter((line) => line.startsWith('    ')).map((line) => line.trim().split(' '));
}

interface Running {
  child: ChildProcess;
  text: () => string;
  status: () => Promise<number | null>;
}

/** Programs by the names that the README gives them, in a folder that is empty at first. */
async function shell(): Promise<(words: readonly string[]) => Running> {
  const cwd = tempDir();
  const cacheDir = join(ROOT, '.windrose/parts');
  const natsServer = await fetchNats({ cacheDir, env: process.env, progress: () => undefined });
  const { NATS_URL: _nats, KAFKA_BROKERS: _kafka, ...env } = process.env;
  return ([name = '', ...args]) => {
    const node = [process.execPath, '--no-warnings'];
    const programs: Record<string, string[]> = {
      windrose: [...node, join(ROOT, 'services/cli/main.ts')],
      'services/config/main.ts': [...node, join(ROOT, 'services/config/main.ts')],
      'nats-server': [natsServer],
    };
    const [file = '', ...first] = programs[name] ?? [];
    const child = spawn(file, [...first, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const exited = once(child, 'close');
    onTestFinished(async () => {
      child.kill('SIGTERM');
      await exited;
    });
    return {
      child,
      text: () => text,
      status: async () => (await exited)[0] as number | null,
    };
  };
}

test('the walk-through of the README leads to a mesh with a gateway in it', async () => {
  const run = await shell();
  const port = await freePort();
  const moved = walkThrough().map((line) =>
    line.map((word) => word.replace('127.0.0.1:4222', `127.0.0.1:${port}`)),
  );
  const [init = [], nats = [], config = [], credential = [], proxy = []] = moved;
  const names = ['windrose', 'nats-server', 'services/config/main.ts', 'windrose', 'windrose'];
  expect(moved.map(([name]) => name)).toEqual(names);

  const made = run([...init, '--nats-listen', `127.0.0.1:${port}`]);
  expect(await made.status()).toBe(0);
  run(nats);
  await eventually('NATS is there', () => accepts('127.0.0.1', port));
  const service = run([...config, '--listen', '127.0.0.1:0']);
  await eventually('the service is ready', () => {
    expect(service.child.exitCode, service.text()).toBeNull();
    return /^ready http/m.test(service.text());
  });
  expect(await run(credential).status()).toBe(0);
  const gateway = run(proxy);
  const api = new Api(/^ready (\S+)$/m.exec(service.text())?.[1] ?? '');
  await eventually('the gateway is in the mesh', async () => {
    expect(gateway.child.exitCode, gateway.text()).toBeNull();
    const { body } = await api.get<ProxyList>('/v1/proxies');
    return body.items.some((item) => item.proxy === 'edge-1' && item.state === 'up');
  });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { freeList } from '#local/ports.ts';
import { markedProcesses } from '#test/leaks.ts';
import { until } from '#test/processes.ts';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const CLI = `${ROOT}/services/cli/main.ts`;

interface Up {
  pid: number;
  base: number;
  /** Everything that was printed, standard output and error together. */
  text: () => string;
  exited: Promise<number | null>;
  kill: (signal: NodeJS.Signals) => void;
  /** Commands of what it started and is still there. */
  left: () => string[];
}

/** A base whose config and NATS ports are free now. */
async function freeBase(): Promise<number> {
  for (;;) {
    const [port = 0] = await freeList(1);
    const base = port - 400;
    if (base >= 1_024 && base < 65_000 && (await isFree(base + 422))) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

async function startUp(...only: string[]): Promise<Up> {
  const base = await freeBase();
  const child: ChildProcess = spawn(
    process.execPath,
    ['--no-warnings', CLI, 'up', '--only', only.join(',')],
    {
      env: { ...process.env, WINDROSE_PORT_BASE: String(base) },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const pid = child.pid ?? 0;
  const left = (): string[] => markedProcesses(`windrose-${pid}-`).map((leak) => leak.command);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
    await until('nothing of it is left', () => left().length === 0);
    const folder = `${ROOT}/.windrose/demo-${base}`;
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  });
  return { pid, base, text: () => text, exited, kill: (signal) => void child.kill(signal), left };
}

const ready = (up: Up): Promise<void> =>
  until('it is ready', () => /^ready after /m.test(up.text()), 30_000);

test('up starts what is asked for, keeps it running, and SIGTERM stops it all', async () => {
  const up = await startUp('nats', 'config');
  await ready(up);
  const url = `http://127.0.0.1:${up.base + 400}`;
  expect(up.text()).toContain(url);
  expect((await fetch(`${url}/v1/info`)).status).toBe(200);

  const config = markedProcesses(`windrose-${up.pid}-`).find(({ command }) =>
    command.includes('services/config/main.ts'),
  );
  process.kill(config?.pid ?? 0, 'SIGKILL');
  const named = 'config ended (SIGKILL) and is started again';
  await until('it is named', () => up.text().includes(named));
  const answers = async (): Promise<boolean> =>
    fetch(`${url}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
  await until('it answers again', answers, 30_000);

  const nats = markedProcesses(`windrose-${up.pid}-`).find(({ command }) =>
    command.includes('nats-server'),
  );
  process.kill(nats?.pid ?? 0, 'SIGKILL');
  await until('NATS is back', () => /^NATS is back on /m.test(up.text()), 30_000);
  expect(up.text()).toMatch(/^NATS ended by itself .* and is started again; its log is \//m);

  up.kill('SIGTERM');
  expect(await up.exited).toBe(0);
  expect(up.text()).toMatch(/everything is stopped\n$/);
  expect(up.left()).toEqual([]);
});

test('kill -9 of up leaves nothing', async () => {
  const up = await startUp('nats', 'config');
  await ready(up);
  expect(up.left().length).toBeGreaterThan(1);
  up.kill('SIGKILL');
  await up.exited;
  await until('nothing of it is left', () => up.left().length === 0, 15_000);
});

test.each([['SIGINT'], ['SIGHUP']] as const)('%s during the start gives it up', async (signal) => {
  const up = await startUp('nats', 'config');
  await until('it starts the service', () => up.text().includes('starting config'), 20_000);
  up.kill(signal);
  expect(await up.exited).toBe(1);
  expect(up.text()).toMatch(/windrose: interrupted before it was ready\n$/);
  await until('nothing of it is left', () => up.left().length === 0);
});

test('a second one on the same base is refused, and the first goes on', async () => {
  const up = await startUp('nats', 'config');
  await ready(up);
  const second = spawn(process.execPath, ['--no-warnings', CLI, 'up', '--only', 'nats'], {
    env: { ...process.env, WINDROSE_PORT_BASE: String(up.base) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  second.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  const status = await new Promise((resolve) => second.once('close', resolve));
  expect(status).toBe(1);
  expect(said).toContain('set WINDROSE_PORT_BASE');
  expect((await fetch(`http://127.0.0.1:${up.base + 400}/v1/info`)).status).toBe(200);
  up.kill('SIGINT');
  expect(await up.exited).toBe(0);
});

test.each([
  [['--only', 'config'], {}, /NATS at \S+, which config needs, cannot be reached: .* add nats to/],
  [['--only', 'nats,kafka'], { KAFKA_BROKERS: '127.0.0.1:1' }, /Kafka at 127.0.0.1:1 \(from KAFKA/],
])('up %j without its part is one sentence, and starts nothing', async (flags, env, message) => {
  const base = await freeBase();
  const child = spawn(process.execPath, ['--no-warnings', CLI, 'up', ...flags], {
    env: { ...process.env, ...env, WINDROSE_PORT_BASE: String(base) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => rmSync(`${ROOT}/.windrose/demo-${base}`, { recursive: true, force: true }));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(1);
  const [last = ''] = said.trim().split('\n').slice(-1);
  expect(last).toMatch(message);
  expect(said).not.toMatch(/ready on|starting/);
});

test('a taken port is named with what to do', async () => {
  const base = await freeBase();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(base + 400, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const child = spawn(process.execPath, ['--no-warnings', CLI, 'up', '--only', 'config'], {
    env: { ...process.env, WINDROSE_PORT_BASE: String(base) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(1);
  expect(said).toMatch(new RegExp(`port ${base + 400} for the config service is taken .*BASE`));
  expect(said.trim().split('\n')).toHaveLength(1);
});

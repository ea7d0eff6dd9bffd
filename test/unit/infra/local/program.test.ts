import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isAlive, until } from '#test/processes.ts';
import { expect, test } from 'vitest';

const RUNNER = fileURLToPath(new URL('fixtures/runner.ts', import.meta.url));
const LIFELINE = fileURLToPath(import.meta.resolve('#local/lifeline.mjs'));

/** A program that tells its pid and its signals, and ends with status 7 on the second one. */
const PROGRAM = `
  let signals = 0;
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => {
    console.log(name);
    signals += 1;
    if (signals === 2) process.exit(7);
  });
  setInterval(() => {}, 1000);
  console.log(process.pid);
`;

interface Running {
  readonly runner: ChildProcess;
  readonly status: Promise<number | null>;
  readonly lines: string[];
  pid(): number;
}

async function run(source: string): Promise<Running> {
  const runner = spawn(process.execPath, ['--no-warnings', RUNNER, LIFELINE, '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const status = once(runner, 'exit').then(([code]) => code as number | null);
  const lines: string[] = [];
  createInterface({ input: runner.stdout }).on('line', (line) => void lines.push(line));
  await until('the program has started', () => lines.length > 0);
  return { runner, status, lines, pid: () => Number(lines[0]) };
}

test('signals are passed on once each, and the status comes back', async () => {
  const { runner, status, lines } = await run(PROGRAM);
  runner.kill('SIGINT');
  await until('the first signal', () => lines.length === 2);
  runner.kill('SIGTERM');
  expect(await status).toBe(7);
  expect(lines.slice(1)).toEqual(['SIGINT', 'SIGTERM']);
});

test('an end by a signal is the status that shells give it', async () => {
  const { status } = await run('console.log(1); process.kill(process.pid, "SIGKILL")');
  expect(await status).toBe(137);
});

test('a program whose runner is killed is asked to end', async () => {
  const { runner, lines, pid } = await run(PROGRAM);
  runner.kill('SIGKILL');
  await until('the signal', () => lines.includes('SIGTERM'));
  process.kill(pid(), 'SIGINT');
  await until('the end', () => !isAlive(pid()));
});

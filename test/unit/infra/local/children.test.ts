import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PartError } from '#local/errors.ts';
import { type GuardedSpec, spawnGuarded } from '#local/children.ts';
import { tempDir } from '#test/parts.ts';
import { isAlive, until } from '#test/processes.ts';
import { expect, test } from 'vitest';

function script(source: string, more: Partial<GuardedSpec> = {}): GuardedSpec {
  const logFile = join(tempDir(), 'log');
  return { name: 'it', command: process.execPath, args: ['-e', source], logFile, ...more };
}

test('a process that ends by itself tells its status, and its output is in the log', async () => {
  const lines: string[] = [];
  const spec = script('console.log("out"); console.error("err"); process.exitCode = 3', {
    onLine: (line) => lines.push(line),
  });
  const child = spawnGuarded(spec);
  expect(await child.exited).toEqual({ code: 3, signal: null });
  await until('the line', () => lines.length === 1);
  expect(lines).toEqual(['out']);
  await until('the log', () => /out/.test(readFileSync(spec.logFile, 'utf8')));
  expect(readFileSync(spec.logFile, 'utf8')).toContain('err');
});

test('a command that does not exist is one sentence', () => {
  expect(() =>
    spawnGuarded({ name: 'it', command: '/nowhere/x', logFile: join(tempDir(), 'l') }),
  ).toThrow(new PartError('it cannot be started: /nowhere/x does not run here'));
});

test('ready waits for its line', async () => {
  const source = 'setTimeout(() => console.log("ready now"), 50); setInterval(() => {}, 1000)';
  const child = spawnGuarded(script(source, { ready: { line: /^ready/, timeoutMs: 5_000 } }));
  await child.ready;
  expect(isAlive(child.pid)).toBe(true);
  expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
  expect(isAlive(child.pid)).toBe(false);
});

test('an end before ready is a sentence with the last lines of the log', async () => {
  const source = 'console.error("no such database"); process.exit(1)';
  const child = spawnGuarded(script(source, { ready: { line: /^ready/, timeoutMs: 5_000 } }));
  await expect(child.ready).rejects.toThrow(
    /^it ended before it was ready \(exit status 1\); its log .*ends with\nno such database$/s,
  );
});

test('not ready in time is a sentence, and the process is left to its owner', async () => {
  const ready = { line: /^ready/, timeoutMs: 50 };
  const child = spawnGuarded(script('setInterval(() => {}, 1000)', { ready }));
  await expect(child.ready).rejects.toThrow('it was not ready after 0.05 s');
  await child.stop();
});

test('stop ends a process that ignores SIGTERM, and what it started', async () => {
  const source = `
    process.on('SIGTERM', () => {});
    const child = require('node:child_process').spawn('sleep', ['600']);
    console.log('pid ' + child.pid);
    setInterval(() => {}, 1000);
  `;
  let inner = 0;
  const child = spawnGuarded(
    script(source, {
      ready: { line: /^pid/, timeoutMs: 5_000 },
      onLine: (line) => {
        inner = Number(line.slice(4));
      },
    }),
  );
  await child.ready;
  expect(await child.stop({ timeoutMs: 100 })).toEqual({ code: null, signal: 'SIGKILL' });
  await until('the inner process has ended', () => !isAlive(inner));
});

test('kill reaches the process alone, and is without effect after its end', async () => {
  const child = spawnGuarded(script('setInterval(() => {}, 1000)'));
  child.kill('SIGKILL');
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  child.kill('SIGTERM');
});

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort, natsUrl, tempDir } from '#test/parts.ts';
import { runCli } from '#test/shop.ts';

/** One clear sentence: a line or two on stderr, no stack trace, nothing on stdout. */
function expectSentence(result: { stdout: string; stderr: string }, part: string | RegExp): void {
  expect(result.stdout).toBe('');
  expect(result.stderr).toMatch(part);
  expect(result.stderr).not.toMatch(/^\s+at /m);
  expect(result.stderr.trim().split('\n').length).toBeLessThanOrEqual(3);
}

describe('wrong input to the command line', () => {
  it.each([
    [['aply'], 2, /aply.*apply/s],
    [['apply'], 2, '-f'],
    [['get', 'pods'], 2, 'pods'],
    [['apply', '-f', 'nowhere.yaml'], 1, 'nowhere.yaml'],
    [['validate', '-f', 'nowhere.yaml'], 1, 'nowhere.yaml'],
    [['proxy', '--role', 'edge'], 2, 'edge'],
    [['up', '--only', 'rabbitmq'], 2, 'rabbitmq'],
  ])('windrose %j ends with status %d', async (args, status, part) => {
    const result = await runCli(args, {});
    expect(result.status).toBe(status);
    expectSentence(result, part);
  });

  it('a server that is away is named', async () => {
    const port = await freePort();
    const result = await runCli(['status'], { WINDROSE_SERVER: `http://127.0.0.1:${port}` });
    expect(result.status).toBe(1);
    expectSentence(result, String(port));
  });

  it('a broken manifest is refused without a server', async () => {
    const file = join(tempDir(), 'broken.yaml');
    writeFileSync(file, 'kind: [\n');
    const result = await runCli(['validate', '-f', file], {});
    expect(result.status).toBe(3);
    expect(result.stdout + result.stderr).toContain('broken.yaml');
  });

  it('a port in use is named, with the variable that moves it', async () => {
    // Its config service would listen 400 above the base.
    const taken = await freePort();
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(taken, '127.0.0.1', resolve);
    });
    onTestFinished(() => void server.close());
    const result = await runCli(['up', '--only', 'config'], {
      WINDROSE_PORT_BASE: String(taken - 400),
      NATS_URL: natsUrl(),
    });
    expect(result.status).toBe(1);
    expect(result.stderr).toContain(`port ${taken}`);
    expect(result.stderr).toContain('WINDROSE_PORT_BASE');
  });
});

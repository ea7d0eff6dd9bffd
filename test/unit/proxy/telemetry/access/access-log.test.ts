import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RECORD_COLUMNS } from '#contracts/record.ts';
import { FakeClock } from '#platform/clock.ts';
import { AccessLines } from '#proxy/telemetry/access/line.ts';
import { AccessLog } from '#proxy/telemetry/access/access-log.ts';
import { rowOf } from '#test/access-row.ts';
import {
  ACCESS_LOG_BYTES_MAX,
  ACCESS_LOG_FLUSH_BYTES,
  ACCESS_LOG_FLUSH_MS,
} from '#proxy/telemetry/limits.ts';
import { eventually } from '#test/eventually.ts';
import { tempDir } from '#test/parts.ts';
import { expect, onTestFinished, test, vi } from 'vitest';
import { IDENTITY, exchangeOf, shownOf } from '../exchanges.ts';

function start(target: string) {
  const clock = new FakeClock();
  const logs: unknown[] = [];
  const log = (level: string, message: string, fields?: object) =>
    void logs.push({ level, message, ...fields });
  return { clock, logs, accessLog: new AccessLog({ target, clock, log }) };
}

const linesOf = (file: string): unknown[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);

test('a record is one line of JSON with every column, there after a second', async () => {
  const file = join(tempDir(), 'access.log');
  const { clock, accessLog } = start(file);
  const exchange = exchangeOf({ request: { path: '/a"\nb' } });
  const line = new AccessLines(IDENTITY).lineOf(exchange, 2_500, 'curl', shownOf(exchange));
  accessLog.write(line);
  accessLog.write(line);
  clock.advance(ACCESS_LOG_FLUSH_MS);
  const what = 'the lines';
  await eventually(() => linesOf(file).length === 2 || undefined, { timeoutMs: 5_000, what });
  const row = rowOf(IDENTITY, exchange, 2_500, 'curl');
  expect(Object.keys(row).sort()).toEqual(RECORD_COLUMNS.map(({ name }) => name).sort());
  expect(linesOf(file)[0]).toEqual(row);
  await accessLog.close();
});

test('closing writes what is left, behind what was there', async () => {
  const file = join(tempDir(), 'access.log');
  for (const id of ['first', 'second']) {
    const { accessLog } = start(file);
    accessLog.write(JSON.stringify({ id }));
    await accessLog.close();
  }
  expect(linesOf(file)).toEqual([{ id: 'first' }, { id: 'second' }]);
});

test('a disk that does not keep up costs lines, counted, and not memory', async () => {
  const file = join(tempDir(), 'access.log');
  const { accessLog } = start(file);
  const row = JSON.stringify({ text: 'x'.repeat(100_000) });
  const lines = Math.ceil((3 * ACCESS_LOG_BYTES_MAX) / 100_000);
  for (let i = 0; i < lines; i++) accessLog.write(row); // Nothing can be written meanwhile.
  expect(accessLog.dropped).toBeGreaterThan(lines / 2);
  expect(accessLog.dropped).toBeLessThan(lines);
  const { dropped } = accessLog;
  await accessLog.close();
  expect(linesOf(file)).toHaveLength(lines - dropped);
});

test('a file that cannot be written is said once; requests go on', async () => {
  const { accessLog, logs } = start(join(tempDir(), 'absent', 'access.log'));
  accessLog.write(JSON.stringify({ a: 1 }));
  await eventually(() => logs[0], { timeoutMs: 5_000, what: 'the error' });
  accessLog.write(JSON.stringify({ a: 2 }));
  await accessLog.close();
  expect(accessLog.dropped).toBe(2);
  expect(logs).toMatchObject([
    { level: 'error', message: 'the access log cannot be written and is given up' },
  ]);
});

test('a line says what the record says, whatever its values are', () => {
  const lines = new AccessLines({ ...IDENTITY, zone: 'a"b' });
  const texts = ['', 'plain', 'a"b', 'back\\slash', 'tab\t', '\0', 'é', '日本', '\ud800', '\x7f'];
  for (const [i, text] of texts.entries()) {
    const exchange = exchangeOf({
      request: { path: `/${text}`, host: text, method: text, clientAddress: text },
      ...{ requestId: text, consumer: text, route: text, rule: text, backend: text },
      arrivedAtUs: Date.UTC(2026, 11, 31, 23, 59, 59) * 1_000 + i * 111_111,
      ttfbMs: i / 3,
      ejected: i % 2 === 1,
    });
    const row = rowOf({ ...IDENTITY, zone: 'a"b' }, exchange, i, text);
    for (const _ of ['made', 'remembered']) {
      expect(JSON.parse(lines.lineOf(exchange, i, text, shownOf(exchange)))).toEqual(row);
    }
  }
});

test('lines keep their order and their letters, however long they are', async () => {
  const file = join(tempDir(), 'access.log');
  const { accessLog } = start(file);
  const lengths = [10, ACCESS_LOG_FLUSH_BYTES / 3, 20, 3 * ACCESS_LOG_FLUSH_BYTES, 30];
  const rows = [...lengths, ...lengths].map((length, i) => ({ i, text: '漢'.repeat(length) }));
  for (const row of rows) accessLog.write(JSON.stringify(row));
  await accessLog.close();
  expect(accessLog.dropped).toBe(0);
  expect(linesOf(file)).toEqual(rows);
});

test('standard output gets whole lines, in pieces that a pipe keeps whole', async () => {
  const pieces: string[] = [];
  const written: (() => void)[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation(((
    bytes: Buffer,
    done: () => void,
  ) => {
    pieces.push(bytes.toString());
    written.push(done);
    return true;
  }) as typeof process.stdout.write);
  onTestFinished(() => write.mockRestore());
  const { accessLog } = start('-');
  const lengths = [1_000, 1_200, 4_095, 4_096, 10_000, 1, 2_000, 2_000, 2_000];
  const lines = lengths.map((length, i) => String(i).repeat(length));
  for (const line of lines) accessLog.write(line);
  expect(pieces).toHaveLength(1);
  const closed = accessLog.close();
  while (written.length > 0) written.shift()?.();
  await closed;
  expect(pieces.join('')).toBe(lines.map((line) => `${line}\n`).join(''));
  expect(pieces.filter((piece) => piece !== '' && !piece.endsWith('\n'))).toEqual([]);
  const large = pieces.filter(({ length }) => length > 4_096);
  expect(large.map(({ length }) => length)).toEqual([4_097, 10_001]);
  expect(pieces.length).toBeLessThan(lines.length);
});

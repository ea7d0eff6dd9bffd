import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ledger, readLedger } from '#proxy/telemetry/shipper/ledger.ts';
import { tempDir } from '#test/parts.ts';
import { expect, test } from 'vitest';

const LEDGER = new URL('../../../../../proxy/telemetry/shipper/ledger.ts', import.meta.url).href;
const fail = (error: unknown): never => {
  throw error;
};

const OWNER = { mesh: 'm', proxy: 'p', instance: 'i', worker: 3, stream: 'access' } as const;

function opened() {
  const dir = tempDir();
  Ledger.create(dir, OWNER);
  return { dir, file: join(dir, 'i.3.access.ledger'), ledger: Ledger.open(dir, OWNER, fail) };
}

function closed(ledger: Ledger, seq: number, rows: number, served: number): void {
  const times = { minTs: 0, maxTs: 0 };
  const stream = 'access';
  ledger.closed({ stream, seq, rows, served, sampledOut: 0, logEpoch: 2, schema: 1, ...times });
}

test('it is there from the start, and says who it is about', () => {
  const { file } = opened();
  expect(readLedger(file)).toMatchObject({ owner: OWNER, lastSeq: 0, served: 0, ended: false });
});

test('it knows what was closed, acknowledged, dropped and is waiting', () => {
  const { file, ledger } = opened();
  closed(ledger, 1, 10, 10);
  closed(ledger, 2, 20, 30);
  closed(ledger, 3, 30, 60);
  ledger.acked(1, 10);
  ledger.dropped(2, 20);
  const expected = {
    ...{ lastSeq: 3, served: 60, acked: 10, dropped: 20, logEpoch: 2 },
    waiting: new Map([[3, 30]]),
  };
  expect(ledger.state).toMatchObject(expected);
  expect(readLedger(file)).toMatchObject(expected);
});

test('a line that was cut off is as if it were not there', () => {
  const { file, ledger } = opened();
  closed(ledger, 1, 10, 10);
  appendFileSync(file, 'closed 2 99');
  expect(readLedger(file)).toMatchObject({ lastSeq: 1, served: 10 });
});

test('what is no ledger is not read as one', () => {
  const file = join(tempDir(), 'x.ledger');
  expect(readLedger(file)).toBeUndefined();
  for (const text of ['', 'x\n', '{}\n', '{"windrose":"ledger","mesh":"m"}\n', 'null\n']) {
    writeFileSync(file, text);
    expect(readLedger(file)).toBeUndefined();
  }
});

test('it stays small, and says the same after it was made short', () => {
  const { file, ledger } = opened();
  const blocks = 5_000;
  ledger.steady();
  for (let seq = 1; seq <= blocks; seq++) {
    closed(ledger, seq, 10, seq * 10);
    if (seq % 100 === 0) ledger.dropped(seq, 10);
    else if (seq !== 42) ledger.acked(seq, 10);
  }
  expect(statSync(file).size).toBeLessThan(70_000);
  expect(readLedger(file)).toEqual(ledger.state);
  expect(readLedger(file)).toMatchObject({
    steady: true,
    ...{ lastSeq: blocks, served: blocks * 10, dropped: blocks / 10 },
    ...{ acked: blocks * 10 - blocks / 10 - 10, waiting: new Map([[42, 10]]) },
  });
});

test('it is removed when all is told', () => {
  const { file, ledger } = opened();
  closed(ledger, 1, 1, 1);
  ledger.remove();
  expect(() => readFileSync(file)).toThrow('ENOENT');
});

test('a disk that takes no more does not end it; once it does the file says all again', () => {
  const dir = tempDir();
  const owner = { mesh: 'm', proxy: 'p', instance: 'i', worker: 0, stream: 'access' } as const;
  const script = `
    const { Ledger } = await import(${JSON.stringify(LEDGER)});
    let failures = 0;
    const ledger = Ledger.open(${JSON.stringify(dir)}, ${JSON.stringify(owner)}, () => failures++);
    for (let seq = 1; seq <= 500; seq++) {
      ledger.closed({ seq, rows: 2, served: seq * 2, sampledOut: 0, logEpoch: 1, schema: 1 });
      if (seq > 10) ledger.acked(seq, 2);
    }
    console.log(JSON.stringify({ failures, acked: ledger.state.acked }));`;
  // 2 KiB a file: what is appended does not fit, what is written anew does.
  const run = spawnSync(
    'bash',
    ['-c', 'ulimit -f 2; exec "$0" --input-type=module -e "$1"', process.execPath, script],
    { encoding: 'utf8' },
  );
  expect(run.stderr).toBe('');
  const told = JSON.parse(run.stdout) as { failures: number; acked: number };
  expect(told.acked).toBe(980);
  expect(told.failures).toBeGreaterThan(5);
  expect(readLedger(`${dir}/i.0.access.ledger`)).toMatchObject({
    ...{ lastSeq: 500, served: 1_000, acked: 980, dropped: 0 },
    waiting: new Map(Array.from({ length: 10 }, (_, i) => [i + 1, 2])),
  });
});

import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { EraseRequest, EraseResponse } from '#contracts/api/analytics.ts';
import type { RecordColumn } from '#contracts/record.ts';
import { TABLES } from '#contracts/tables.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import type { Clock } from '#platform/clock.ts';
import { HttpProblem } from '#platform/http.ts';
import { problemOf } from './ask.ts';
import { iso, readRange } from './range.ts';

const COLUMN = 'client_address' satisfies RecordColumn;
const BEGINNING = '1970-01-01T00:00:00Z';
/** How long one request waits for parts to be rewritten; then it says what is left. */
const WAIT_MS = 15_000;
const LOOK_MS = 200;

/**
 * Rewrites the stored records of a client so that its address is empty. ClickHouse does that part
 * by part, after the statement (a mutation): the answer says how many rows had the address when it
 * was asked for and how many still do. Asking again while that goes on starts nothing twice; when
 * no row is left it does nothing.
 *
 * The condition compares a digest, because ClickHouse keeps the text of a mutation and logs it:
 * there the address does not stand in clear. Whoever tries all addresses finds it all the same.
 */
export async function eraseAddress(
  clickhouse: ClickHouse,
  request: EraseRequest,
  clock: Clock,
): Promise<EraseResponse> {
  const { clientAddress, ...asked } = request;
  if (isIP(clientAddress) === 0) {
    throw new HttpProblem('invalid-request', 'clientAddress is no IPv4 or IPv6 address');
  }
  const { fromMs, toMs } = readRange({ from: BEGINNING, ...asked }, clock.wallMs());
  const salt = `${clickhouse.database} `;
  const hash = createHash('sha256').update(`${salt}${clientAddress}`);
  const digest = hash.digest('hex').toUpperCase();
  const where =
    `time >= fromUnixTimestamp64Milli(${fromMs}, 'UTC') ` +
    `AND time < fromUnixTimestamp64Milli(${toMs}, 'UTC') ` +
    `AND hex(SHA256(concat('${salt}', ${COLUMN}))) = '${digest}'`;
  try {
    const rows = await countRows(clickhouse, where);
    if (rows > 0 && !(await isUnderWay(clickhouse, digest))) {
      const update = `ALTER TABLE ${TABLES.records} UPDATE ${COLUMN} = '' WHERE ${where}`;
      await clickhouse.command(update, {}, { settings: { mutations_sync: 0 } });
    }
    const untilMs = clock.nowMs() + WAIT_MS;
    let remaining = rows;
    while (remaining > 0 && clock.nowMs() < untilMs) {
      await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
      remaining = await countRows(clickhouse, where);
    }
    return { from: iso(fromMs), to: iso(toMs), rows, remaining };
  } catch (error) {
    throw problemOf(error);
  }
}

async function countRows(clickhouse: ClickHouse, where: string): Promise<number> {
  const [row] = await clickhouse.query<{ rows: number }>(
    `SELECT count() AS rows FROM ${TABLES.records} WHERE ${where}`,
  );
  return Number(row?.rows);
}

/** An erasure of the same address, of any time. */
async function isUnderWay(clickhouse: ClickHouse, digest: string): Promise<boolean> {
  const found = await clickhouse.query<{ mutation_id: string }>(
    `SELECT mutation_id FROM system.mutations
     WHERE database = currentDatabase() AND table = '${TABLES.records}' AND NOT is_done
       AND position(command, {digest: String}) > 0`,
    { digest },
  );
  return found.length > 0;
}

import type { Command } from 'commander';
import type { SqlResponse } from '#contracts/api/analytics.ts';
import { type Io, line } from '../io.ts';
import { count } from '../output/format.ts';
import { print } from '../output/print.ts';
import { table } from '../output/table.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

export function addQuery(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'query <sql>',
    summary: 'ask ClickHouse: one SELECT, read-only, with limits on time and rows',
    examples: [
      'windrose query "SELECT backend, count() FROM records GROUP BY backend"',
      'windrose query "SHOW TABLES"',
    ],
  });
  withServer(withOutput(command)).action(
    async (sql: string, options: ServerOptions & OutputOptions) => {
      const client = await otherServer(io, options, 'analytics');
      const found = await client.post<SqlResponse>('/v1/query', { sql });
      print(io, options.output, found, () => textOf(found));
      if (options.output === 'table') {
        line(io.err, `${count(found.rows.length, 'row')} in ${Math.round(found.elapsedMs)} ms`);
      }
    },
  );
}

const NUMERIC = /^(Nullable\()?(U?Int|Float|Decimal)/;

function textOf(found: SqlResponse): string {
  return table<unknown[]>(
    found.columns.map((column, index) => ({
      title: column.name,
      value: (row) => cell(row[index]),
      align: NUMERIC.test(column.type) ? 'right' : 'left',
    })),
    found.rows,
  );
}

function cell(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : JSON.stringify(value);
}

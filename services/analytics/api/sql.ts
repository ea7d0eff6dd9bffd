import type { SqlResponse } from '#contracts/api/analytics.ts';
import { type ClickHouse, ClickHouseFailure } from '#platform/clickhouse.ts';
import type { Clock } from '#platform/clock.ts';
import { HttpProblem } from '#platform/http.ts';
import { problemOf } from './ask.ts';
import { QUERY_SETTINGS, SQL_ROWS_MAX } from './limits.ts';

/**
 * Functions that read what is not in the database: files, dictionaries, settings, secrets, other
 * machines. By name, or by the beginning of it.
 */
const FORBIDDEN_FUNCTIONS = new RegExp(
  `^(${[
    'file',
    'dict',
    'joinget',
    'getsetting',
    'getserver',
    'getmergetree',
    'getmacro',
    'getclient',
    'showcertificate',
    'ai',
    'catboost',
    'evalmlmethod',
    'naivebayes',
    'filesystem',
    'zookeeper',
    'hascolumnintable',
    'sleep',
    'serveruuid',
    'connectionid',
  ].join('|')})`,
  'i',
);
/** Table functions that read nothing but their arguments. */
const TABLE_FUNCTIONS = new Set(['numbers', 'zeros', 'values', 'view', 'generate_series']);

/** Who asks ClickHouse; `limitedUser`: its own profile makes it read-only. */
export interface Reader {
  clickhouse: ClickHouse;
  limitedUser: boolean;
}

/**
 * One SELECT, SHOW TABLES or DESCRIBE by whoever may call the API. Two fences, each enough for
 * most mistakes: ClickHouse runs it with `readonly = 1` and limits that the statement cannot
 * lift, and before that its own parser's tree is searched for anything outside of the mesh's
 * database. The third is the operator's: a user that may read nothing else (`--clickhouse-reader`).
 */
export async function runSql(
  { clickhouse: reader, limitedUser }: Reader,
  text: string,
  clock: Clock,
): Promise<SqlResponse> {
  // A user who is read-only already may not say so again (readonly = 2 in its profile).
  const { readonly, ...limits } = QUERY_SETTINGS;
  const settings = { ...limits, ...(limitedUser || readonly === undefined ? {} : { readonly }) };
  const startedMs = clock.nowMs();
  const sql = text.replace(/[;\s]+$/, '');
  try {
    const [tree, databases] = await Promise.all([
      reader.lines(`EXPLAIN AST ${sql}`, {}, { settings }),
      reader.query<{ name: string }>('SELECT name FROM system.databases'),
    ]);
    const refused = forbiddenIn(tree, {
      database: reader.database,
      databases: databases.map(({ name }) => name),
    });
    if (refused !== undefined) throw new HttpProblem('forbidden', refused);
    const found = await reader.table(
      sql,
      {},
      {
        settings: {
          ...settings,
          max_result_rows: SQL_ROWS_MAX,
          result_overflow_mode: 'throw',
        },
      },
    );
    return { ...found, elapsedMs: clock.nowMs() - startedMs };
  } catch (error) {
    const problem = problemOf(error);
    if (problem instanceof ClickHouseFailure) {
      throw new HttpProblem('invalid-request', problem.message);
    }
    throw problem;
  }
}

/** Why a statement may not run, from the lines of `EXPLAIN AST`; undefined when it may. */
export function forbiddenIn(
  lines: readonly string[],
  at: { database: string; databases: readonly string[] },
): string | undefined {
  const root = /^\w+/.exec(lines[0] ?? '')?.[0] ?? '';
  if (!/^(Select\w*|ShowTables|DescribeQuery)$/.test(root)) {
    return 'only one SELECT, SHOW TABLES or DESCRIBE is allowed';
  }
  const others = at.databases.filter((name) => name !== at.database);
  for (const [index, line] of lines.entries()) {
    const node = /^ *(\w+) (.+?)(?: \(children \d+\))?$/.exec(line);
    const [, kind = '', rest = ''] = node ?? [];
    const name = rest.replace(/ \(alias .*$/, '');
    if (kind === 'Function') {
      const isTable = /^ *TableExpression/.test(lines[index - 1] ?? '');
      if (isTable && !TABLE_FUNCTIONS.has(name)) return `the table function ${name} is not allowed`;
      if (FORBIDDEN_FUNCTIONS.test(name)) return `the function ${name} is not allowed`;
    }
    if (kind === 'TableIdentifier' && name.includes('.') && !name.startsWith(`${at.database}.`)) {
      return `${name} is not a table of database ${at.database}`;
    }
    // `x IN other.table` parses as a plain name.
    if (kind === 'Identifier' && others.some((other) => name.startsWith(`${other}.`))) {
      return `${name} is outside of database ${at.database}`;
    }
  }
  return undefined;
}

/**
 * What Grafana and its ClickHouse data source put in the place of macros and variables: what the
 * boards use of it, so that their SQL can be run without Grafana.
 */
export interface Expansion {
  fromMs: number;
  toMs: number;
  /** Grafana's interval for a point. */
  intervalMs: number;
  /** What is chosen in each variable; `all` for every value. */
  variables: Readonly<Record<string, readonly string[] | 'all'>>;
}

/** The SQL that ClickHouse gets. Throws for a macro or variable that it does not know. */
export function expandSql(text: string, expansion: Expansion): string {
  const expanded = expandMacros(
    expandVariables(expandConditions(text, expansion), expansion),
    expansion,
  );
  const left = /\$[\w{][\w:}]*/.exec(expanded);
  if (left !== null) throw new Error(`${left[0]} is no macro or variable that boards may use`);
  return expanded;
}

/** `$__conditionalAll(condition, $variable)`: the condition, or 1=1 when all are chosen. */
function expandConditions(text: string, { variables }: Expansion): string {
  return text.replaceAll(
    /\$__conditionalAll\(((?:[^()]|\([^()]*\))*),\s*\$(\w+)\)/g,
    (_, condition: string, name: string) => {
      const value = variables[name];
      if (value === undefined) throw new Error(`there is no variable ${name}`);
      return value === 'all' || value.length === 0 ? '1=1' : condition;
    },
  );
}

/** `${name:singlequote}`: the chosen values as a list of SQL strings. */
function expandVariables(text: string, { variables }: Expansion): string {
  return text.replaceAll(/\$\{(\w+):singlequote\}/g, (_, name: string) => {
    const value = variables[name];
    if (value === undefined || value === 'all') {
      throw new Error(`the variable ${name} has no chosen value where one is used`);
    }
    return value.map((each) => `'${each.replaceAll("'", String.raw`\'`)}'`).join(',');
  });
}

function expandMacros(text: string, { fromMs, toMs, intervalMs }: Expansion): string {
  const second = (ms: number): string => `toDateTime(${Math.floor(ms / 1_000)})`;
  const milli = (ms: number): string => `fromUnixTimestamp64Milli(${ms})`;
  const within = (column: string, from: string, to: string): string =>
    `${column} >= ${from} AND ${column} <= ${to}`;
  return text
    .replaceAll(/\$__timeFilter_ms\(([\w.]+)\)/g, (_, column: string) =>
      within(column, milli(fromMs), milli(toMs)),
    )
    .replaceAll(/\$__timeFilter\(([\w.]+)\)/g, (_, column: string) =>
      within(column, second(fromMs), second(toMs)),
    )
    .replaceAll(/\$__fromTime\b/g, second(fromMs))
    .replaceAll(/\$__toTime\b/g, second(toMs))
    .replaceAll(/\$__interval_s\b/g, String(Math.max(1, Math.floor(intervalMs / 1_000))));
}

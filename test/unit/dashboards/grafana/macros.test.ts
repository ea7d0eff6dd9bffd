import { describe, expect, test } from 'vitest';
import { type Expansion, expandSql } from '../../../../dashboards/grafana/macros.ts';

const expansion: Expansion = {
  fromMs: 1_000_000_500,
  toMs: 1_000_060_500,
  intervalMs: 15_000,
  variables: { route: ['shop/a', "it's"], consumer: 'all', direction: ['edge'] },
};
const expand = (sql: string): string => expandSql(sql, expansion);

describe('macros become what the data source sends', () => {
  test.each([
    ['$__timeFilter(time)', 'time >= toDateTime(1000000) AND time <= toDateTime(1000060)'],
    [
      '$__timeFilter_ms(b.time)',
      'b.time >= fromUnixTimestamp64Milli(1000000500) AND ' +
        'b.time <= fromUnixTimestamp64Milli(1000060500)',
    ],
    ['$__fromTime, $__toTime', 'toDateTime(1000000), toDateTime(1000060)'],
    ['intDiv($__interval_s + 9, 10)', 'intDiv(15 + 9, 10)'],
    ['x IN (${route:singlequote})', String.raw`x IN ('shop/a','it\'s')`],
    [
      '$__conditionalAll(route IN (${route:singlequote}), $route) AND 1',
      String.raw`route IN ('shop/a','it\'s') AND 1`,
    ],
    ['$__conditionalAll(consumer IN (${consumer:singlequote}), $consumer)', '1=1'],
  ])('%s', (sql, expected) => {
    expect(expand(sql)).toBe(expected);
  });
});

test.each([
  ['$__timeGroup(time)', '$__timeGroup is no macro or variable'],
  ['${nobody:singlequote}', 'the variable nobody has no chosen value'],
  ['$__conditionalAll(a = 1, $nobody)', 'there is no variable nobody'],
  ['${route}', '${route} is no macro or variable'],
])('what no board may use is refused: %s', (sql, message) => {
  expect(() => expand(sql)).toThrow(message);
});

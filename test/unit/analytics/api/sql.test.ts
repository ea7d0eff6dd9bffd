import { expect, test } from 'vitest';
import { forbiddenIn } from '../../../../services/analytics/api/sql.ts';

const AT = { database: 'windrose_demo', databases: ['windrose_demo', 'windrose_other', 'system'] };
const SELECT = ['SelectWithUnionQuery (children 1)', ' ExpressionList (children 1)'];
const verdict = (...lines: string[]) => forbiddenIn([...SELECT, ...lines], AT);

test.each([
  [['   TableIdentifier records']],
  [['   TableIdentifier windrose_demo.records (alias r)']],
  [['  TableExpression (children 1)', '   Function numbers (children 1)']],
  [['   Function count (alias n) (children 1)']],
  [['   Identifier records.time']],
  [['   Function quantileExact (children 1)']],
])('%j may run', (lines) => {
  expect(verdict(...lines)).toBeUndefined();
});

test.each([
  ['   TableIdentifier windrose_other.records', /not a table of database windrose_demo/],
  ['   TableIdentifier windrose_demo2.records (alias windrose_demo.x)', /not a table/],
  ['   Identifier system.users', /outside/],
  ['   Function file (children 1)', /function file/],
  ['   Function dictGetString (alias x) (children 1)', /dictGetString/],
  ['   Function FILE (children 1)', /FILE/],
  ['   Function joinGet (children 3)', /joinGet/],
])('%s is refused', (line, reason) => {
  expect(verdict(line)).toMatch(reason);
});

test('a table function is known by where it stands', () => {
  expect(
    verdict('  TableExpression (alias u) (children 1)', '   Function remote (children 2)'),
  ).toMatch(/table function remote/);
});

test.each([
  'InsertQuery   (children 1)',
  'DropQuery',
  'Set',
  'CreateQuery records',
  '',
  'ExplainQuery',
])('a statement of kind %j is refused', (root) => {
  expect(forbiddenIn([root], AT)).toMatch(/only one SELECT/);
});

/** *Pipeline health* over the seven blocks of fill.ts, by their lines in the ledger. */
import type { Expected } from './expected.ts';
import { point } from './fill.ts';

/** Panels that *Mesh health* has too. */
export const PIPELINE_EXPECTED: Expected = {
  // The newest rows are of seconds 46 and 26, the range ends at 60.
  'Age of the newest data A': [[14, 34]],
  'From the proxy to ClickHouse A': [
    [point(0), 'access', (1 + 1 + 2) / 3, 2],
    [point(20), 'access', 3, 3],
    [point(20), 'metrics', 2, 2],
    [point(40), 'access', 1, 1],
  ],
  'Rows stored per second A': [
    [point(0), 'access', (30 + 20 + 7) / 20],
    [point(20), 'access', 10 / 20],
    [point(20), 'metrics', 12 / 20],
    [point(40), 'access', 10 / 20],
  ],
  'Accounting by worker A': [
    ['a', 'i1', 0, 2, 0, 46, 40, 6, 0, 0, 0, 'lives', 36],
    ['b', 'i2', 0, 2, 1, 45, 30, 0, 5, 0, 10, 'lives', 14],
    ['c', 'i3', 0, 2, 0, 9, 7, 0, 0, 2, 0, 'crashed', 40],
  ],
  'Dropped rows A': [
    [point(0), 'a', 0],
    [point(0), 'b', 0],
    [point(0), 'c', 0],
    [point(20), 'a', 0],
    [point(20), 'c', 0],
    [point(40), 'b', 5],
  ],
};

const access = 'windrose.demo.access';

export const PIPELINE_HEALTH_EXPECTED: Expected = {
  ...PIPELINE_EXPECTED,
  // The block with which c ended holds no row that could be late.
  'Lag by proxy A': [
    [point(0), 'a', 1],
    [point(0), 'b', 1],
    [point(0), 'c', 2],
    [point(20), 'a', 3],
    [point(40), 'b', 1],
  ],
  // A block of a waited 2 of its 3 s for Kafka, the last one of b 0.5 of 1.
  'Where data waits A': [
    [point(0), 0, 2],
    [point(20), 2, 2],
    [point(40), 0.5, 0.5],
  ],
  'Proxies and streams A': [
    ['a', 'access', 1, 2, 0, 40, 40 / 60, 6 / 46, 0, (1 + 3) / 2, 3, brokerTime(26)],
    ['b', 'access', 1, 2, 0, 30, 30 / 60, 0, 5 / 45, 1, 1, brokerTime(46.5)],
    ['a', 'metrics', 1, 1, 0, 12, 12 / 60, 0, 0, 2, 2, brokerTime(26)],
    ['c', 'access', 1, 2, 0, 7, 7 / 60, 0, 0, 2, 2, brokerTime(20)],
  ],
  // Routes and edges agree on all calls. The record r2 stands for two of four requests.
  'Tables A': [
    ['edges_10s', 222, point(50), 10],
    ['records', 4, point(25), 35],
    ['routes_10s', 222, point(50), 10],
    ['services_inbound_10s', 104, point(50), 10],
  ],
  'Partitions A': [
    [access, 1, 2, 2, 1],
    [access, 2, 3, 2, 1],
    [access, 3, 2, 2, 2],
    ['windrose.demo.metrics', 1, 1, 1, 2],
  ],
  '$proxy variable': [['a'], ['b'], ['c']],
};

export function brokerTime(seconds: number): string {
  const whole = Math.floor(seconds);
  const ms = String(Math.round((seconds - whole) * 1_000)).padStart(3, '0');
  return point(whole).replace('Z', `.${ms}Z`);
}

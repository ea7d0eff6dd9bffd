// The tables of a run, and the text that `--results` writes.
import { machineText } from '../proxy/results.ts';
import type { Compiling } from './compiling.ts';
import type { Decisions } from './decisions.ts';
import type { Measured } from './main.ts';
import { median } from './world.ts';

const HOW = `What routing costs Windrose. Written by

    npm run bench -- routing --rounds ROUNDS --results test/bench/routing/RESULTS.md

Times are processor time (user and system): median (least–most) of the rounds. A decision is the
route phase: listener, host, path, everything else that a match asks for. Hosts and paths are texts
that nobody has looked at before, as a connection gives them.
`;
/** ns. */
const LOOKUP_MOST = 1_000;
const PREDICATES_MOST = 2_000;
/** Of the cost with one route. */
const WHOLE_MOST = 1.05;
const ROUTES_WEIGHED = 1_000;

export function resultsText(measured: Measured): string {
  const { rounds } = measured;
  return [
    ...['# Results: routing', HOW.replace('ROUNDS', String(rounds)), tablesText(measured)],
    ...['## Where', machineText(rounds, []), ''],
  ].join('\n');
}

export function tablesText(measured: Measured): string {
  const tables = [lookups(measured), numbers(measured), compiling(measured)];
  tables.push(pipeline(measured), whole(measured));
  return tables.filter((text) => text !== '').join('\n');
}

function lookups({ decisions }: Measured): string {
  return table(
    'One decision, by the number of routes',
    ['match', 'routes', 'ns', 'target', 'reached', 'matching allocates', 'a decision allocates'],
    decisions.map((each) => {
      const most = each.name.includes('header') ? PREDICATES_MOST : LOOKUP_MOST;
      const reached = median(each.ns) <= most;
      return [
        ...[each.name, count(each.routes), spread(each.ns, 0), `≤ ${count(most)}`],
        ...[reached ? 'yes' : 'no', ...bytes(each)],
      ];
    }),
  );
}

function numbers({ numbers: all }: Measured): string {
  return table(
    'One decision, by what stands on one host',
    ['match', 'number', 'ns', 'matching allocates', 'a decision allocates'],
    all.map((each) => [each.name, count(each.routes), spread(each.ns, 0), ...bytes(each)]),
  );
}

function compiling({ compiling: all }: Measured): string {
  return table(
    'Making the tables',
    ['match', 'routes', 'all, ms', 'one edit, ms', 'with the first decision, ms', 'bytes a route'],
    all.map((each) => [
      ...[each.name, count(each.routes), spread(each.fullMs, 1), spread(each.editMs, 3)],
      ...[spread(each.editAndDecideMs, 3), perRoute(each)],
    ]),
  );
}

function pipeline({ pipeline: all }: Measured): string {
  return table(
    'Route to forward, with a key and a limit, without a network',
    ['routes', 'ns'],
    all.map(({ routes, ns }) => [count(routes), spread(ns, 0)]),
  );
}

function whole({ whole: [one, many] }: Measured): string {
  if (one === undefined || many === undefined) return '';
  const ratios = many.us.map((us, round) => us / (one.us[round] ?? Number.NaN));
  const rows = [one, many].map(({ routes, us }) => [count(routes), spread(us, 1), '', '']);
  const reached = median(ratios) <= WHOLE_MOST ? 'yes' : 'no';
  return table(
    'One request through the whole proxy',
    ['routes', 'µs', `target ≤ ${WHOLE_MOST}`, 'reached'],
    [...rows, ['ratio, round by round', '', spread(ratios, 3), reached]],
  );
}

/** Of few routes it is lost in what else is on the heap. */
function perRoute({ routes, bytesPerRoute }: Compiling): string {
  return routes < ROUTES_WEIGHED ? '–' : count(Math.round(bytesPerRoute));
}

/** A few bytes are the measurement's own. */
function bytes({ matchBytes, decideBytes }: Decisions): string[] {
  return [matchBytes, decideBytes].map((each) => `${Math.floor(each)} B`);
}

function table(title: string, head: readonly string[], rows: readonly string[][]): string {
  if (rows.length === 0) return '';
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return `## ${title}\n\n${lines.join('\n')}\n`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function spread(values: readonly number[], digits: number): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

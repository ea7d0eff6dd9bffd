// The tables of a run, and the text that `--results` writes.
import { loadavg } from 'node:os';
import { machineText } from '../proxy/results.ts';
import type { Edits } from './edits.ts';
import type { Fanout, Measured } from './main.ts';
import { quantile } from './time.ts';

const HOW = `What the config plane costs. Written by

    npm run bench -- config --rounds ROUNDS --results test/bench/config/RESULTS.md

Every proxy has a NATS connection of its own and the code of a real one: it reads each event, checks
that it continues the chain, works out the digest of the whole state and answers with a receipt,
acknowledged by the server. Four of them are whole processes that also compile and serve; the others
share a few processes, and the routes that they have in common share memory. nats-server, the config
service and all proxies share the machine below: with more proxies than cores, what is measured is
mostly the processor time of all their answers.

Figures are median (least–most), unless a quantile is named.
`;
const COMMIT_MOST_MS = 250;
const REMOVAL_MOST_MS = 500;
const EDIT_MOST_MS = 5;
const EDIT_MOST_RATIO = 1.5;
const STALL_MOST_MS = 5;

export function resultsText(measured: Measured): string {
  const load = loadavg()[0]?.toFixed(1) ?? '';
  return [
    '# Results: the config plane',
    HOW.replace('ROUNDS', String(measured.rounds)),
    tablesText(measured),
    '## Where',
    machineText(measured.rounds, ['nats-server', `load average at the end ${load}`]),
    '',
  ].join('\n');
}

export function tablesText({ edits, fanout }: Measured): string {
  const tables: string[] = [];
  if (edits.length > 0) tables.push(editsTable(edits));
  if (fanout !== undefined) tables.push(fanoutTable(fanout), pushTable(fanout));
  return tables.join('\n');
}

function editsTable(all: readonly Edits[]): string {
  const [fewest] = all;
  const rows = all.map((each) => {
    const cost = quantile(each.proxyCpuUs, 0.5);
    const ratio = cost / quantile(fewest?.proxyCpuUs ?? [], 0.5);
    const stall = Math.max(quantile(each.proxyStallMs, 0.5), quantile(each.configStallMs, 0.5));
    const reached =
      cost <= EDIT_MOST_MS * 1_000 && ratio <= EDIT_MOST_RATIO && stall <= STALL_MOST_MS;
    return [
      ...[count(each.routes), count(each.bytes), spread(each.compileUs), spread(each.proxyCpuUs)],
      ...[ratio.toFixed(2), each.proxyCpuMeanUs.toFixed(0), spread(each.configCpuUs)],
      ...[spread(each.proxyStallMs, 2), spread(each.configStallMs, 2), spread(each.wholeMs, 1)],
      reached ? 'yes' : 'no',
    ];
  });
  const head = [
    ...['routes', 'bytes published', 'compile and swap µs', 'proxy CPU µs', '÷ fewest'],
    ...['proxy CPU mean µs, snapshots on disk included', 'config service CPU µs'],
    ...['longest stall of the proxy ms', 'of the config service ms', 'request to receipt ms'],
    `CPU ≤ ${EDIT_MOST_MS} ms and ≤ ${EDIT_MOST_RATIO} ×, stall ≤ ${STALL_MOST_MS} ms`,
  ];
  return table('The edit of one route', head, rows);
}

function fanoutTable(fanout: Fanout): string {
  const { commits, removalsMs, reconnects, memory, proxies, full, routes } = fanout;
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  const p99 = quantile(commits.lastMs, 0.99);
  const removal = Math.max(...removalsMs);
  const rows = [
    ['commit to the receipt in the middle', spread(commits.middleMs, 0), '', ''],
    ['commit to the last receipt', spread(commits.lastMs, 0), '', ''],
    ['of that p50', `${quantile(commits.lastMs, 0.5).toFixed(0)}`, '', ''],
    [
      ...['of that p99', p99.toFixed(0), `≤ ${COMMIT_MOST_MS}`],
      p99 <= COMMIT_MOST_MS ? 'yes' : 'no',
    ],
    ['request to the last receipt', spread(commits.requestMs, 0), '', ''],
    [
      ...['an endpoint leaves: until the last proxy knows', spread(removalsMs, 0)],
      ...[`≤ ${REMOVAL_MOST_MS}`, removal <= REMOVAL_MOST_MS ? 'yes' : 'no'],
    ],
    [
      'nats-server killed: from its answering again to the last receipt of a change',
      ...[
        spread(
          reconnects.map(({ backMs }) => backMs),
          0,
        ),
        '',
        '',
      ],
    ],
    [
      'of that from the request for the change',
      ...[
        spread(
          reconnects.map(({ changeMs }) => changeMs),
          0,
        ),
        '',
        '',
      ],
    ],
    ['memory of nats-server, before the proxies', mb(memory.before), '', ''],
    ['with all proxies', mb(memory.all), '', ''],
    ['after the commits', mb(memory.after), '', ''],
  ];
  const title = `${count(proxies)} proxies (${full} compile and serve), ${count(routes)} routes`;
  return table(title, ['what', 'ms', 'target', 'reached'], rows);
}

function pushTable({ pushes, fewCommits, routes }: Fanout): string {
  const rows = [
    ['an event of one route, as above', '', spread(fewCommits.lastMs, 0), '0'],
    ['the whole state', count(pushes.bytes), spread(pushes.lastMs, 0), count(pushes.missed)],
  ];
  return table(
    `One edit told to ${count(pushes.subscribers)} proxies, ${count(routes)} routes, no compile`,
    ['how', 'bytes to each', 'until the last answer ms', 'not answered within 30 s'],
    rows,
  );
}

function table(title: string, head: string[], rows: readonly string[][]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return `## ${title}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function spread(values: readonly number[], digits = 0): string {
  if (values.length === 0) return '–';
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const middle = quantile(values, 0.5).toFixed(digits);
  return `${middle} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

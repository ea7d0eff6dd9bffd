import { relative } from 'node:path';
import type { PartAddresses } from '#demo/services.ts';
import type { Shop } from '#demo/shop.ts';
import { APPLICATIONS, DEMO_KEYS, GATEWAY_WORKERS } from '#demo/topology.ts';
import { PART_NAMES, type PartName } from '#local/parts.ts';
import { TITLES } from '#local/part.ts';
import { fields, table } from '../output/table.ts';
import { REQUESTS_PER_SECOND } from './traffic.ts';

export interface ScreenOptions {
  shop: Pick<Shop, 'urls' | 'caFile' | 'logDir'>;
  addresses: PartAddresses;
  base: number;
  dataDir: string;
  /** Folder of the mesh's keys; undefined: it is unsigned. */
  keysDir: string | undefined;
  /** Parts that the operator's environment names: used, not started. */
  yours: readonly PartName[];
}

const DEFAULT_BASE = 7_000;

/** What to try next, and what it shows. */
const NEXT: readonly (readonly [command: string, shows: string])[] = [
  ['apply -f infra/demo/try/canary.yaml --wait', 'a canary: a tenth of all reviews from v2'],
  ['apply -f infra/demo/try/fault.yaml --wait', 'a fault: 30 % of payments fail; the alert'],
  ['rollback --wait', 'a rollback: take the last change back'],
  ['graph', 'who calls whom, with rates and errors'],
  ['slo', 'the budget: what is left, and alerts'],
];

/** The first screen of the demo: addresses, a curl, five commands, the boards, how to stop. */
export function firstScreen(options: ScreenOptions): string {
  const { urls } = options.shop;
  const names = Object.keys(DEMO_KEYS).join(', ');
  const started =
    `${partsText(options.yours)}\nStarted: config, analytics and alerting; a gateway with ` +
    `${GATEWAY_WORKERS} workers; ${APPLICATIONS.length} applications with a\nsidecar each; ` +
    `${REQUESTS_PER_SECOND} requests a second from ${names}.\n` +
    `All that was started listens on 127.0.0.1 only. ${keysText(options.keysDir)}`;
  return [
    '',
    started,
    '',
    fields([
      ['edge', urls.edge],
      ['edge, TLS', `${urls.edgeTls}  (curl --cacert ${fromHere(options.shop.caFile)})`],
      ['config', `${urls.config}  (API: /openapi.json)`],
      ['analytics', urls.analytics],
      ['alerting', `${urls.alerting}  (alerts are printed here)`],
      ...partFields(options.addresses),
    ]),
    '',
    'API keys of the demo:',
    ...Object.entries(DEMO_KEYS).map(([name, key]) => `  ${name.padEnd(8)} ${key}`),
    '',
    'A request:',
    `  curl -H 'x-api-key: ${DEMO_KEYS.acme}' ${urls.edge}/products/compass`,
    '',
    'Then, in another terminal:',
    ...baseHint(options.base),
    indented(nextText()),
    '',
    'Boards: dashboards/grafana has those of API analytics, Mesh health, Resilience and others.',
    'Grafana itself is not started: see infra/compose/README.md (Docker) or',
    'dashboards/grafana/README.md (your own).',
    '`npx windrose top` and `graph` show the same numbers without it.',
    `Data and logs: ${fromHere(options.dataDir)}. Ctrl-C stops all of it.`,
    '',
  ].join('\n');
}

/** A path as a person in this folder writes it. */
function fromHere(path: string): string {
  return relative(process.cwd(), path) || '.';
}

function partsText(yours: readonly PartName[]): string {
  const ours = PART_NAMES.filter((name) => !yours.includes(name));
  const list = (names: readonly PartName[]): string => names.map((name) => TITLES[name]).join(', ');
  return [
    ...(ours.length === 0 ? [] : [`Started: ${list(ours)}.`]),
    ...(yours.length === 0 ? [] : [`Yours, used as they are: ${list(yours)}.`]),
  ].join('\n');
}

/** What `up` without the demo shows. */
export function shortScreen(options: {
  services: Readonly<Record<string, string>>;
  addresses: PartAddresses;
  parts: readonly string[];
  dataDir: string;
}): string {
  const known = partFields(options.addresses);
  const started = known.filter(([name]) => options.parts.includes(name));
  return [
    '',
    fields([...Object.entries(options.services), ...started]),
    `Data and logs: ${fromHere(options.dataDir)}. Ctrl-C stops all of it.`,
    '',
  ].join('\n');
}

function partFields(addresses: PartAddresses): [string, string][] {
  return [
    ['nats', addresses.NATS_URL ?? ''],
    ['kafka', addresses.KAFKA_BROKERS ?? ''],
    ['clickhouse', addresses.CLICKHOUSE_URL ?? ''],
  ];
}

function nextText(): string {
  return table(
    [
      { title: 'COMMAND', value: ([command]) => `npx windrose ${command}` },
      { title: 'SHOWS', value: ([, shows]) => shows },
    ],
    NEXT,
  )
    .split('\n')
    .slice(1)
    .join('\n');
}

function baseHint(base: number): string[] {
  return base === DEFAULT_BASE ? [] : [`  export WINDROSE_PORT_BASE=${base}`];
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}

function keysText(dir: string | undefined): string {
  if (dir === undefined) {
    const why = 'which is for trials: a NATS of yours has no keys of ours.';
    return `Its mesh is\nunsigned (--insecure-unsigned), ${why}`;
  }
  const keys = `the keys are in ${fromHere(dir)}.`;
  return `Its mesh is signed,\nand each proxy has a credential of its own: ${keys}`;
}

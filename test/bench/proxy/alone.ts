// Windrose by itself: what a request costs it on this machine, bare and with everything on.
import { Rig, type Sample } from './rig.ts';
import type { Scenario } from './workload.ts';

const WARM_UP = 20_000;
const REQUESTS = 60_000;
const RUN_TIMEOUT_MS = 60_000;

export interface Figures {
  scenario: Scenario;
  requests: number;
  /** One of each round. */
  cpuUsPerRequest: number[];
  rps: number[];
  p99Us: number[];
}

export async function alone(rounds: number): Promise<Figures[]> {
  const samples = { bare: [] as Sample[], full: [] as Sample[] };
  const scenarios = ['bare', 'full'] as const;
  // In turn: what the machine does meanwhile meets both.
  for (let round = 0; round < rounds; round++) {
    for (const scenario of scenarios) samples[scenario].push(await measure(scenario));
  }
  return scenarios.map((scenario) => ({
    scenario,
    requests: REQUESTS,
    cpuUsPerRequest: samples[scenario].map(({ cpuUs }) => cpuUs / REQUESTS),
    rps: samples[scenario].map(({ report }) => (REQUESTS / report.ms) * 1_000),
    p99Us: samples[scenario].map(({ report }) => report.p99Us),
  }));
}

async function measure(scenario: Scenario): Promise<Sample> {
  const rig = await Rig.open({ scenario });
  try {
    await rig.run(WARM_UP, RUN_TIMEOUT_MS);
    return await rig.run(REQUESTS, RUN_TIMEOUT_MS);
  } finally {
    await rig.close();
  }
}

export function aloneText(figures: readonly Figures[]): string {
  const lines = figures.map(
    ({ scenario, cpuUsPerRequest, rps, p99Us }) =>
      `${scenario.padEnd(9)} ${spread(cpuUsPerRequest, 1).padEnd(22)} ` +
      `${spread(rps, 0).padEnd(24)} ${spread(p99Us, 0)}`,
  );
  return [
    'Windrose alone, 64 connections, closed loop; median (least–most) over the rounds.',
    'The load is of Node and may be busy first: then only the processor time says something.',
    'scenario  µs CPU a request       requests a second        p99 µs',
    ...lines,
    '',
  ].join('\n');
}

function spread(values: readonly number[], digits: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  const text = (value: number | undefined): string => value?.toFixed(digits) ?? '–';
  const middle = text(sorted[Math.floor(sorted.length / 2)]);
  return sorted.length < 2 ? middle : `${middle} (${text(sorted[0])}–${text(sorted.at(-1))})`;
}

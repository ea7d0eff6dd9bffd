import { join } from 'node:path';
import { connectKafka } from '#platform/kafka.ts';
import { topicSpecs } from '../../../services/analytics/ingest/topics.ts';
import { withParts } from '../parts.ts';
import { Rig } from '../proxy/rig.ts';
import type { Scenario } from '../proxy/workload.ts';
import { KAFKA_VARIABLE, MESH, MODE_VARIABLE, type Mode } from './contract.ts';

const MAIN = join(import.meta.dirname, 'proxy.mjs');
const WARM_UP = 30_000;
const REQUESTS = 60_000;
const RUN_TIMEOUT_MS = 60_000;
const MODES: readonly Mode[] = ['off', 'metrics', 'on'];

export interface Share {
  scenario: Scenario;
  requests: number;
  /** µs of the proxy's processor time a request, its shipper thread included; one each round. */
  cpuUs: Record<Mode, number[]>;
  p99Us: Record<Mode, number[]>;
}

/** The same proxy under the same load, in each mode in turn, in another order every round. */
export function measureShares(rounds: number): Promise<Share[]> {
  return withParts(['kafka'], async ({ broker }) => {
    await makeTopics(broker);
    const shares: Share[] = [];
    for (const scenario of ['bare', 'full'] as const) {
      const share: Share = { scenario, requests: REQUESTS, cpuUs: none(), p99Us: none() };
      for (let round = 0; round < rounds; round++) {
        for (let turn = 0; turn < MODES.length; turn++) {
          const mode = MODES[(turn + round) % MODES.length] ?? 'off';
          const { cpuUs, p99Us } = await measure(scenario, mode, broker);
          share.cpuUs[mode].push(cpuUs / REQUESTS);
          share.p99Us[mode].push(p99Us);
        }
      }
      shares.push(share);
    }
    return shares;
  });
}

function none(): Record<Mode, number[]> {
  return { off: [], metrics: [], on: [] };
}

async function makeTopics(broker: string): Promise<void> {
  const kafka = connectKafka({ brokers: [broker], clientId: 'bench', log: () => undefined });
  try {
    await kafka.ensureTopics(topicSpecs(MESH));
  } finally {
    await kafka.close();
  }
}

async function measure(
  scenario: Scenario,
  mode: Mode,
  broker: string,
): Promise<{ cpuUs: number; p99Us: number }> {
  const env = { [MODE_VARIABLE]: mode, [KAFKA_VARIABLE]: broker };
  const rig = await Rig.open({ scenario, main: MAIN, env });
  try {
    await rig.run(WARM_UP, RUN_TIMEOUT_MS);
    const { cpuUs, report } = await rig.run(REQUESTS, RUN_TIMEOUT_MS);
    return { cpuUs, p99Us: report.p99Us };
  } finally {
    await rig.close();
  }
}

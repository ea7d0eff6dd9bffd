// What the edit of one route costs the config service and a proxy that compiles and serves.
import { meshSubjects } from '#contracts/subjects.ts';
import { Plant } from './plant.ts';
import { nowMs } from './time.ts';
import { editOf } from './world.ts';

export interface Edits {
  routes: number;
  /** Of the change-set's message. */
  bytes: number;
  /** One of each edit, from the proxy's receipt: µs from the event to serving it. */
  compileUs: number[];
  /** Processor time, µs. */
  proxyCpuUs: number[];
  configCpuUs: number[];
  /** Of the whole run: with the snapshots on disk that were written meanwhile. */
  proxyCpuMeanUs: number;
  proxyStallMs: number[];
  configStallMs: number[];
  /** From the request to the receipt. */
  wholeMs: number[];
}

/** Code is compiled by then. */
const WARM_UP = 30;

export async function measureEdits(routes: number, edits: number): Promise<Edits> {
  const plant = await Plant.open({ proxies: 1, full: 1, routes });
  try {
    const measured: Edits = {
      ...{ routes, bytes: 0, compileUs: [], proxyCpuUs: [], configCpuUs: [], proxyCpuMeanUs: 0 },
      ...{ proxyStallMs: [], configStallMs: [], wholeMs: [] },
    };
    let proxyCpuUs = 0;
    for (let number = -WARM_UP; number < edits; number++) {
      const one = await edit(plant, number + WARM_UP, routes);
      if (number < 0) continue;
      proxyCpuUs += one.proxy.cpuUs;
      measured.bytes = one.bytes;
      measured.compileUs.push(one.compileUs);
      measured.proxyCpuUs.push(one.proxy.cpuUs);
      measured.configCpuUs.push(one.config.cpuUs);
      measured.proxyStallMs.push(one.proxy.stallMs);
      measured.configStallMs.push(one.config.stallMs);
      measured.wholeMs.push(one.wholeMs);
    }
    measured.proxyCpuMeanUs = proxyCpuUs / edits;
    return measured;
  } finally {
    await plant.close();
  }
}

async function edit(plant: Plant, number: number, routes: number) {
  const [proxy] = plant.full;
  if (proxy === undefined) throw new Error('there is no full proxy');
  const both = (): Promise<[...Awaited<ReturnType<Plant['probe']>>[]]> =>
    Promise.all([plant.probe(proxy), plant.probe(plant.config)]);
  await both();
  const startedMs = nowMs();
  const sequence = await plant.write([editOf(number, routes)]);
  const { atMs, receipts } = await plant.answers(sequence, 1);
  const [ofProxy, ofConfig] = await both();
  const [receipt] = receipts;
  if (receipt?.result !== 'applied') throw new Error(`not applied: ${JSON.stringify(receipt)}`);
  if (ofProxy === undefined || ofConfig === undefined) throw new Error('no answer of a probe');
  const manager = await plant.connection.jetstreamManager({ checkAPI: false });
  const { streams } = meshSubjects(plant.mesh);
  const { data } = await manager.streams.getMessage(streams.config, { seq: sequence });
  return {
    bytes: data.byteLength,
    compileUs: receipt.applyMs * 1_000,
    proxy: ofProxy,
    config: ofConfig,
    wholeMs: Math.max(...atMs.values()) - startedMs,
  };
}

// A request's cost through the whole proxy: with one route and with very many.
import { Rig } from '../proxy/rig.ts';
import { type Workload, requestText } from '../proxy/workload.ts';

export interface Whole {
  routes: number;
  /** Processor time of the proxy for one request; one of each round, in the same order. */
  us: number[];
}

const HOSTS = 10;
const REQUESTS = 1_000;
/** Not a multiple of anything above. */
const STEP = 37;
const RUN_TIMEOUT_MS = 60_000;

/** Both proxies stand beside one another and take turns: what the machine does meets both. */
export async function measureWhole(
  many: number,
  { rounds, count }: { rounds: number; count: number },
): Promise<[Whole, Whole]> {
  const rigs: Rig[] = [];
  try {
    for (const routes of [1, many]) {
      rigs.push(await Rig.open({ scenario: 'bare', work: (at) => workOf(routes, many, at) }));
    }
    for (const rig of rigs) await rig.run(count, RUN_TIMEOUT_MS);
    const us: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      // The one that goes second must not always be the same one.
      for (const number of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        const sample = await rigs[number]?.run(count, RUN_TIMEOUT_MS);
        us[number].push((sample?.cpuUs ?? Number.NaN) / count);
      }
    }
    return [
      { routes: 1, us: us[0] },
      { routes: many, us: us[1] },
    ];
  } finally {
    await Promise.all(rigs.map((rig) => rig.close()));
  }
}

/** The requests are the same, whether one route takes them all or each its own. */
function workOf(routes: number, many: number, upstream: string): Workload {
  const host = (index: number): string => `h${index % HOSTS}.test`;
  return {
    keys: [],
    routes:
      routes === 1
        ? [{ id: 'r', host: '*', prefix: '/', upstream }]
        : Array.from({ length: routes }, (_, index) => ({
            ...{ id: `r${index}`, host: host(index), prefix: `/r${index}/`, upstream },
          })),
    requests: Array.from({ length: REQUESTS }, (_, number) => {
      const index = (number * STEP) % many;
      return requestText(`/r${index}/users/42`, host(index), undefined);
    }),
  };
}

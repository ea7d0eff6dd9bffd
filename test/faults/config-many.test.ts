// F39: many proxies lose their link at the same moment, and all of them come back.
import { expect, it } from 'vitest';
import { measureReconnect } from '../bench/config/fanout.ts';
import { Plant } from '../bench/config/plant.ts';
import { isDrill } from './support/call.ts';
import { note } from './support/figures.ts';

const PROXIES = isDrill ? 1_000 : 100;
const ROUTES = 100;
const BACK_MS = isDrill ? 60_000 : 30_000;

it(`F39: nats-server killed under ${PROXIES} proxies: all come back`, async () => {
  const plant = await Plant.open({ proxies: PROXIES, full: 0, routes: ROUTES });
  try {
    const size = { proxies: PROXIES, routes: ROUTES, round: 0 };
    const { backMs, changeMs } = await measureReconnect(plant, size);
    expect(backMs).toBeLessThan(BACK_MS);
    const [back, change] = [backMs, changeMs].map((ms) => `${(ms / 1_000).toFixed(1)} s`);
    const figure = `${back}, of that ${change} from a change`;
    note('F39', `${PROXIES} proxies reconnect: until all have answered`, figure);
  } finally {
    await plant.close();
  }
}, 180_000);

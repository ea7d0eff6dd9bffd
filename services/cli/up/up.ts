import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AlertNotification } from '#contracts/api/alerting.ts';
import { ProcessGroup } from '#demo/group.ts';
import { demoMesh } from '#demo/mesh.ts';
import { startOncall } from '#demo/oncall.ts';
import {
  PARTS_OF,
  type PartAddresses,
  SERVICE_NAMES,
  type ServiceName,
  serviceUrls,
  startServices,
} from '#demo/services.ts';
import { type Shop, startShop } from '#demo/shop.ts';
import { ONCALL_OFFSET, servicePorts, shopPorts } from '#demo/topology.ts';
import { orAborted } from '#demo/abort.ts';
import { PartError } from '#local/errors.ts';
import { ADDRESS_VARIABLES, assertReachable } from '#local/external.ts';
import { tryLock } from '#local/lock.mjs';
import { PART_NAMES } from '#local/parts.ts';
import { assertFree } from '#local/ports.ts';
import { type Progress, showProgress } from '#local/progress.ts';
import type { MeshPaths } from '#platform/mesh/folder.ts';
import { CliError, EXIT } from '../errors.ts';
import { type Io, line, styleOf } from '../io.ts';
import { printable } from '../output/style.ts';
import type { Component } from '../verbs/up.ts';
import { bringUpParts, givenParts } from './parts.ts';
import { firstScreen, shortScreen } from './screen.ts';
import { REQUESTS_PER_SECOND } from './traffic.ts';
import { Interrupted, Started, type Stopping, listenForStop } from './stopping.ts';

export interface UpOptions {
  base: number;
  components: readonly Component[];
  demo: boolean;
}

const WINDROSE_DIR = fileURLToPath(new URL('../../../.windrose', import.meta.url));
const DEFAULT_BASE = 7_000;
const MESH = 'demo';

/** Starts what was asked for, says `ready`, and stops it all when asked to. */
export async function up(io: Io, options: UpOptions): Promise<void> {
  const stopping = listenForStop();
  const started = new Started();
  let ready = false;
  let failure: unknown;
  try {
    await bringUp(io, options, stopping, started);
    ready = true;
    await stopping.asked;
    failure = stopping.failure();
    line(io.err, failure === undefined ? 'stopping' : 'stopping because of this');
  } catch (error) {
    failure = stopping.failure() ?? error;
  }
  const left = await started.stopAll();
  stopping.release();
  for (const error of left) line(io.err, `while stopping: ${sentence(error)}`);
  if (failure instanceof Interrupted && !ready) {
    throw new CliError(EXIT.failed, 'interrupted before it was ready');
  }
  if (failure !== undefined) throw new CliError(EXIT.failed, sentence(failure));
  line(io.err, 'everything is stopped');
}

async function bringUp(
  io: Io,
  options: UpOptions,
  stopping: Stopping,
  started: Started,
): Promise<void> {
  const startedMs = performance.now();
  const dataDir = join(
    WINDROSE_DIR,
    options.base === DEFAULT_BASE ? 'demo' : `demo-${options.base}`,
  );
  mkdirSync(WINDROSE_DIR, { recursive: true });
  await lockFor(dataDir, started);
  for (const name of servicesIn(options)) {
    await assertFree(servicePorts(options.base)[name], `the ${name} service`);
  }
  const shown = showProgress({
    isTTY: io.err.isTTY === true,
    write: (text) => io.err.write(text),
  });
  const say = (text: string): void => line(io.out, printable(text));
  try {
    const common = { dataDir, base: options.base, env: io.env, progress: shown.progress, say };
    const only = PART_NAMES.filter((name) => options.components.includes(name));
    const isOurs = only.includes('nats') && !givenParts(io.env).includes('nats');
    const keys = isOurs ? demoMesh(dataDir, MESH, say) : undefined;
    const addresses = await bringUpParts({ ...common, only, keys }, stopping, started);
    const more: Context = { io, options, dataDir, addresses, keys, stopping, started, say };
    const screen = options.demo
      ? await bringUpShop(more, shown.progress)
      : await bringUpServices(more, shown.progress);
    shown.end();
    line(io.out, screen);
    line(io.out, `ready after ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
  } finally {
    shown.end();
  }
}

interface Context {
  io: Io;
  options: UpOptions;
  dataDir: string;
  addresses: PartAddresses;
  /** Undefined where NATS is the operator's own. */
  keys: MeshPaths | undefined;
  stopping: Stopping;
  started: Started;
  say: (text: string) => void;
}

async function lockFor(dataDir: string, started: Started): Promise<void> {
  const held = await tryLock(`${dataDir}.up`);
  if (held === undefined) {
    throw new PartError(
      `another \`windrose up\` runs on ${dataDir}: stop that one, or set WINDROSE_PORT_BASE ` +
        '(for example to 21000) to run a second one beside it',
    );
  }
  started.add(async () => held.release());
}

function servicesIn(options: UpOptions): ServiceName[] {
  return SERVICE_NAMES.filter((name) => options.components.includes(name));
}

/** What a service needs and nobody starts here must be there: it would wait for it in silence. */
async function assertPartsOf(
  services: readonly ServiceName[],
  components: readonly Component[],
  addresses: PartAddresses,
): Promise<void> {
  for (const service of services) {
    for (const part of PARTS_OF[service].filter((name) => !components.includes(name))) {
      await assertReachable(part, addresses[ADDRESS_VARIABLES[part]] ?? '', service);
    }
  }
}

async function bringUpServices(context: Context, progress: Progress): Promise<string> {
  const { options, addresses, dataDir, keys } = context;
  const only = servicesIn(options);
  const ports = servicePorts(options.base);
  const group = new ProcessGroup({
    logDir: join(dataDir, 'logs'),
    env: context.io.env,
    onEvent: (event) => context.say(event.text),
  });
  context.started.add(() => group.stopEach(group.names()));
  if (only.length > 0) {
    await assertPartsOf(only, options.components, addresses);
    progress({ subject: 'services', state: 'working', text: `starting ${only.join(', ')}` });
    const starting = startServices(group, { mesh: MESH, ports, dataDir, addresses, keys, only });
    await orAborted(context.stopping.signal, starting);
    progress({ subject: 'services', state: 'done', text: 'ready' });
  }
  const urls = serviceUrls(ports);
  return shortScreen({
    services: Object.fromEntries(only.map((name) => [name, urls[name]])),
    addresses,
    parts: PART_NAMES.filter((name) => options.components.includes(name)),
    dataDir,
  });
}

async function bringUpShop(context: Context, progress: Progress): Promise<string> {
  const { io, options, addresses, dataDir, keys, stopping, started } = context;
  const ports = shopPorts(options.base);
  const oncallPort = options.base + ONCALL_OFFSET;
  await assertFree(oncallPort, "the demo's receiver of alerts");
  const oncall = await startOncall(oncallPort, (told) => sayAlert(io, told));
  started.add(oncall.stop);
  const subject = 'Windrose';
  let shop: Shop | undefined;
  try {
    shop = await startShop({
      mesh: MESH,
      ports,
      dataDir,
      addresses,
      keys,
      webhooks: { oncall: oncall.url },
      requestsPerSecond: REQUESTS_PER_SECOND,
      env: io.env,
      onStep: (text) => progress({ subject, state: 'working', text }),
      onEvent: (event) => context.say(event.text),
      signal: stopping.signal,
    });
  } catch (error) {
    progress({ subject, state: 'failed', text: sentence(error).split('\n')[0] ?? '' });
    throw error;
  }
  started.add(shop.stop);
  progress({ subject, state: 'done', text: `the shop answers on ${shop.urls.edge}` });
  const { base } = options;
  const yours = givenParts(io.env);
  return firstScreen({ shop, addresses, base, dataDir, keysDir: keys?.dir, yours });
}

function sayAlert(io: Io, told: AlertNotification): void {
  const style = styleOf(io, io.out);
  const { alert } = told;
  const word = alert.state === 'firing' ? style.red('FIRING') : style.green('RESOLVED');
  line(io.out, `alert ${word} ${alert.severity} ${alert.slo}: ${printable(alert.summary)}`);
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

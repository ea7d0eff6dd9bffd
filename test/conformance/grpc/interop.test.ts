// gRPC's own interop tests, from its own client to its own server, through one proxy and two.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freeList } from '#local/ports.ts';
import { message, readWeb } from '../../unit/proxy/grpc/web.ts';
import { Running, interopPrograms, run } from './programs.ts';
import { Relay } from './relay.ts';

const MAIN = fileURLToPath(new URL('../../../proxy/main.mjs', import.meta.url));
const GATEWAY_API = 'gateway.networking.k8s.io/v1';
const CASE_MS = 60_000;
const BUILD_MS = 600_000;

/** Every case of the client but those below. */
const CASES = [
  ...['empty_unary', 'large_unary', 'client_streaming', 'server_streaming', 'ping_pong'],
  ...['empty_stream', 'timeout_on_sleeping_server', 'cancel_after_begin'],
  ...['cancel_after_first_response', 'status_code_and_message', 'special_status_message'],
  ...['custom_metadata', 'unimplemented_method', 'unimplemented_service'],
  ...['orca_per_rpc', 'orca_oob', 'rpc_soak', 'channel_soak'],
];

/**
 * Begun and left at once: the client may not even have sent it. Where it comes to a proxy in one
 * piece it is recorded there, and nothing is begun for it: it never reaches the next proxy.
 */
const LEFT_AT_ONCE = 'StreamingInputCall client_closed 1';

/** How the calls of all cases end, as the proxies record it. */
const ENDS = [
  'EmptyCall ok 0',
  'FullDuplexCall client_closed 1',
  'FullDuplexCall ok 0',
  'FullDuplexCall ok 2',
  'StreamCoreMetrics client_closed 1',
  'StreamingInputCall ok 0',
  'StreamingOutputCall ok 0',
  'UnaryCall ok 0',
  'UnaryCall ok 2',
  'UnimplementedCall ok 12',
];

/** The cases of load reports read them in a balancer of the client's own. */
const ORCA = [
  '-service_config_json',
  '{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}',
];

const LEFT_OUT = [
  // It wants the server's number, which the server in Go does not give.
  'pick_first_unary',
  // They log in at Google, or want its metadata server.
  ...['compute_engine_creds', 'service_account_creds', 'jwt_token_creds', 'per_rpc_creds'],
  ...['oauth2_auth_token', 'google_default_credentials', 'compute_engine_channel_credentials'],
];

/** Method, request (grpc/testing/messages.proto), sizes of the answers, how it ends. */
const WEB_CALLS: readonly [string, string, number[], Record<string, string>][] = [
  ['EmptyCall', '', [0], { 'grpc-status': '0' }],
  // Two answers, with bodies of three bytes and of five.
  ['StreamingOutputCall', '\x12\x02\x08\x03\x12\x02\x08\x05', [7, 9], { 'grpc-status': '0' }],
  // The status UNKNOWN with the message `no`.
  ['UnaryCall', '\x3A\x06\x08\x02\x12\x02no', [], { 'grpc-status': '2', 'grpc-message': 'no' }],
  ['UnimplementedCall', '', [], { 'grpc-status': '12' }],
];
const WEB_CASES = ['application/grpc-web+proto', 'application/grpc-web-text+proto'].flatMap(
  (type) => WEB_CALLS.map((each) => [type, ...each] as const),
);

const found = await interopPrograms();
const missing = 'missing' in found ? found.missing : undefined;
const programs = 'missing' in found ? { client: '', server: '' } : found;
const why = missing === undefined ? '' : ` (skipped: ${missing})`;

/** A gateway before the server, and one before a sidecar before the server. */
class Chain {
  readonly #folder = mkdtempSync(join(tmpdir(), 'windrose-grpc-'));
  readonly #running: { program: Running; signal: NodeJS.Signals }[] = [];
  readonly #relays: Relay[] = [];
  /** For the client: of the relays. */
  ports = { one: 0, two: 0 };
  /** The gateway's own. */
  gateway = { one: 0, two: 0 };

  async start(serverProgram: string): Promise<void> {
    const ports = await freeList(6);
    const [server = 0, inbound = 0, one = 0, two = 0, toOne = 0, toTwo = 0] = ports;
    this.ports = { one: toOne, two: toTwo };
    this.gateway = { one, two };
    const file = join(this.#folder, 'interop.yaml');
    const state = resources({ server, inbound, one, two });
    writeFileSync(file, state.map((each) => stringify(each)).join('---\n'));
    await this.#run(serverProgram, ['-port', String(server)], 'SIGKILL').listens(server);
    const app = `127.0.0.1:${server}`;
    const sidecar = ['--role', 'sidecar', '--service', 'shop/server', '--app', app];
    const addresses = ['--inbound', `127.0.0.1:${inbound}`];
    await this.#proxy('sidecar', file, [...sidecar, ...addresses]).says('ready');
    await this.#proxy('gateway', file, ['--role', 'gateway']).says('ready');
    await this.#relay(toOne, one);
    await this.#relay(toTwo, two);
  }

  /** What the client sent, once the proxies have all of it. */
  async relayed(): Promise<{ calls: number; unused: number }> {
    await Promise.all(this.#relays.map((relay) => relay.close()));
    const sums = { calls: 0, unused: 0 };
    for (const { calls, unused } of this.#relays) {
      sums.calls += calls;
      sums.unused += unused;
    }
    return sums;
  }

  /** Everything that the two proxies recorded; they have ended when it resolves. */
  async stop(): Promise<AccessRow[]> {
    for (const { program, signal } of this.#running.splice(0).toReversed()) {
      await program.stop(signal);
    }
    const rows = ['gateway', 'sidecar'].flatMap((name) =>
      readFileSync(join(this.#folder, `${name}.log`), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as AccessRow),
    );
    return rows;
  }

  async remove(): Promise<void> {
    for (const relay of this.#relays) relay.destroy();
    for (const { program } of this.#running) await program.stop('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #relay(port: number, toPort: number): Promise<void> {
    const relay = new Relay(toPort);
    this.#relays.push(relay);
    await relay.listen(port);
  }

  #proxy(name: string, resourcesFile: string, args: string[]): Running {
    const own = ['--name', name, '--data-dir', join(this.#folder, name)];
    const log = ['--access-log', join(this.#folder, `${name}.log`)];
    const all = [MAIN, '--resources', resourcesFile, ...own, ...log, ...args];
    return this.#run(process.execPath, all, 'SIGTERM');
  }

  #run(path: string, args: string[], signal: NodeJS.Signals): Running {
    const program = new Running(path, args);
    this.#running.push({ program, signal });
    return program;
  }
}

interface AccessRow {
  direction: string;
  path: string;
  grpc_status: number;
  reason: string;
}

describe.skipIf(missing !== undefined)(`gRPC interop${why}`, () => {
  const chain = new Chain();
  beforeAll(() => chain.start(programs.server), BUILD_MS);
  afterAll(() => chain.remove());

  test('the client has no case that is neither here nor left out', async () => {
    const { output } = await run(programs.client, ['-help']);
    const offered = [...output.matchAll(/^\s+([a-z0-9_]+) ?: /gm)].map(([, name]) => name ?? '');
    const known = new Set([...CASES, ...LEFT_OUT]);
    expect(offered.length).toBeGreaterThan(20);
    expect(offered.filter((name) => !known.has(name))).toEqual([]);
  });

  describe.each(['one', 'two'] as const)('through %s', (proxies) => {
    test.each(CASES)('%s', { timeout: CASE_MS }, async (name) => {
      const address = ['-server_host', '127.0.0.1', '-server_port', String(chain.ports[proxies])];
      const { status, output } = await run(
        programs.client,
        [...address, '-test_case', name, ...(name.startsWith('orca') ? ORCA : [])],
        CASE_MS,
        { GRPC_GO_LOG_SEVERITY_LEVEL: 'error' },
      );
      expect(status, output).toBe(0);
    });
  });

  describe.each(['one', 'two'] as const)('gRPC-Web through %s', (proxies) => {
    test.each(WEB_CASES)('%s as %s', async (type, method, request, sizes, trailers) => {
      const isText = type.includes('text');
      const bytes = message(Buffer.from(request, 'latin1'));
      const url = `http://127.0.0.1:${chain.gateway[proxies]}/grpc.testing.TestService/${method}`;
      const response = await fetch(url, {
        ...{ method: 'POST', headers: { 'content-type': type, 'x-grpc-web': '1' } },
        body: isText ? bytes.toString('base64') : bytes,
      });
      expect([response.status, response.headers.get('content-type')]).toEqual([200, type]);
      const answer = readWeb(Buffer.from(await response.arrayBuffer()), isText);
      expect(answer.messages.map(({ length }) => length)).toEqual(sizes);
      // A head that is the trailers too says the status itself.
      const head = Object.fromEntries(response.headers);
      expect(answer.trailers ?? head).toMatchObject(trailers);
    });
  });

  test('each call is recorded at each proxy, with the status that it ended with', async () => {
    const { calls: sent, unused } = await chain.relayed();
    const all = await chain.stop();
    const rows = all.filter(({ path }) => path !== '');
    const inbound = rows.filter(({ direction }) => direction === 'inbound');
    const edge = rows.filter(({ direction }) => direction !== 'inbound');
    for (const side of [edge, inbound]) {
      expect(endsOf(side).filter((end) => end !== LEFT_AT_ONCE)).toEqual(ENDS);
    }
    expect(edge).toHaveLength(sent + 2 * WEB_CASES.length);
    // A client whose time is out before it calls leaves with a GOAWAY alone, which is of no call.
    expect(all.length - rows.length).toBeLessThanOrEqual(unused);
    // Through one it passes the gateway, through two that and the sidecar.
    for (const method of ['EmptyCall', 'StreamingOutputCall', 'UnimplementedCall']) {
      const calls = callsOf(inbound, method);
      expect([calls > 0, callsOf(rows, method)]).toEqual([true, 3 * calls]);
    }
  });
});

function callsOf(rows: readonly AccessRow[], method: string): number {
  return rows.filter(({ path }) => path.endsWith(`/${method}`)).length;
}

/** Methods and how their calls ended, each once. */
function endsOf(rows: readonly AccessRow[]): string[] {
  return [...new Set(rows.map(endOf))].sort();
}

function endOf({ path, grpc_status: code, reason: why }: AccessRow): string {
  // Whoever looks at the clock first ends the call that is out of time.
  const end = why === 'request_timeout' ? 'client_closed 1' : `${why} ${code}`;
  return `${path.slice(path.lastIndexOf('/') + 1)} ${end}`;
}

interface Ports {
  server: number;
  inbound: number;
  one: number;
  two: number;
}

function resources({ server, inbound, one, two }: Ports): object[] {
  return [
    ...[gateway('one', one), gateway('two', two)],
    ...[service('server'), service('meshed')],
    ...[slice('server', server), slice('meshed', inbound)],
    ...[route('one', 'server'), route('two', 'meshed')],
  ];
}

function named(name: string): { name: string; namespace: string } {
  return { name, namespace: 'shop' };
}

function gateway(name: string, port: number): object {
  return {
    ...{ apiVersion: GATEWAY_API, kind: 'Gateway', metadata: named(name) },
    spec: {
      gatewayClassName: 'windrose',
      addresses: [{ value: '127.0.0.1' }],
      listeners: [{ name: 'all', port, protocol: 'HTTP' }],
    },
  };
}

function service(name: string): object {
  return {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: named(name) },
    spec: { ports: [{ port: 80, appProtocol: 'grpc' }] },
  };
}

function slice(name: string, port: number): object {
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
    metadata: { ...named(name), labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'] }],
    ports: [{ port }],
  };
}

function route(name: string, backend: string): object {
  return {
    ...{ apiVersion: GATEWAY_API, kind: 'HTTPRoute', metadata: named(name) },
    spec: { parentRefs: [{ name }], rules: [{ backendRefs: [{ name: backend, port: 80 }] }] },
  };
}

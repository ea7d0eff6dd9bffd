// The gateways that end TLS here, each told to do the same: one certificate, TLS 1.3, HTTP/1.1 and
// h2, every request to one upstream over connections that are kept, no log. One thread each.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { PARENT_VARIABLE } from '#local/lifeline.mjs';
import { peerEnv, ready } from '../proxy/rig.ts';
import { workload } from '../proxy/workload.ts';

export interface Setting {
  /** Its own, for whatever it writes. */
  folder: string;
  /** In the clear: HTTP/1.1, and HTTP/2 by prior knowledge (nginx has HTTP/2 on `h2Port`). */
  port: number;
  h2Port: number;
  tlsPort: number;
  upstreamPort: number;
  /** Files of PEM, and one with both. */
  cert: string;
  key: string;
  pair: string;
}

const TLS_TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const FILTER_TYPE = 'type.googleapis.com/envoy.extensions.filters';
const OPEN_TIMEOUT_MS = 20_000;
const OPEN_POLL_MS = 50;
const WHERE_TIMEOUT_MS = 5_000;

export const GATEWAYS = ['windrose', 'envoy', 'haproxy', 'nginx'] as const;
export type GatewayName = (typeof GATEWAYS)[number];

/** It serves on all of its ports when this resolves. */
export async function startGateway(name: GatewayName, setting: Setting): Promise<ChildProcess> {
  mkdirSync(setting.folder, { recursive: true });
  if (name === 'windrose') return startWindrose(setting);
  const [command = '', ...args] = commandOf(name, setting);
  const child = spawn(command, args, { cwd: setting.folder, stdio: 'ignore' });
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${name} ended at once`)));
  });
  ended.catch(() => undefined); // Its end later is no failure.
  try {
    const ports = [setting.port, setting.tlsPort];
    await Promise.race([ended, Promise.all(ports.map(untilOpen))]);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return child;
}

async function startWindrose(setting: Setting): Promise<ChildProcess> {
  const { folder, port, tlsPort, upstreamPort, cert, key } = setting;
  const work = workload('bare', `127.0.0.1:${upstreamPort}`);
  const child = spawn(
    process.execPath,
    [
      ...['--no-warnings', ...(process.env['BENCH_NODE_ARGS']?.split(' ') ?? [])],
      ...['--import', join(ROOT, 'infra/local/lifeline.mjs')],
      join(ROOT, 'test/bench/peer/main.mjs'),
    ],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...(await peerEnv(folder, port, 'bare', work)),
        ...{ TLS_PORT: String(tlsPort), CERT_FILE: cert, KEY_FILE: key },
        [PARENT_VARIABLE]: String(process.pid),
      },
    },
  );
  try {
    await ready(child);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return child;
}

/** Undefined: it is not on this machine. */
export function binaryOf(name: Exclude<GatewayName, 'windrose'>): string | undefined {
  const home = process.env['PEERS_HOME'] ?? join(homedir(), '.cache', 'windrose-peers');
  const lib = join(home, name, 'lib');
  // The package's own command is a script that starts the binary: two processes.
  const within = existsSync(lib) ? readdirSync(lib, { recursive: true, encoding: 'utf8' }) : [];
  const inner = within.find((path) => path.endsWith(`/_bin/${name}`));
  if (inner !== undefined) return join(lib, inner);
  const PATH = [join(home, 'bin'), process.env['PATH'] ?? '', '/usr/sbin'].join(delimiter);
  const asked = spawnSync('sh', ['-c', `command -v ${name}`], {
    ...{ env: { ...process.env, PATH }, encoding: 'utf8', timeout: WHERE_TIMEOUT_MS },
  });
  return asked.status === 0 ? asked.stdout.trim() : undefined;
}

function commandOf(name: Exclude<GatewayName, 'windrose'>, setting: Setting): string[] {
  const binary = binaryOf(name);
  if (binary === undefined) throw new Error(`${name} is not on this machine`);
  const write = (file: string, text: string): string => {
    const path = join(setting.folder, file);
    writeFileSync(path, text);
    return path;
  };
  if (name === 'nginx') {
    return [
      binary,
      '-e',
      'stderr',
      '-p',
      setting.folder,
      '-c',
      write('nginx.conf', nginx(setting)),
    ];
  }
  if (name === 'haproxy') return [binary, '-f', write('haproxy.cfg', haproxy(setting))];
  const file = write('envoy.json', JSON.stringify(envoy(setting)));
  return [binary, '-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
}

function nginx({ port, h2Port, tlsPort, upstreamPort, cert, key }: Setting): string {
  return `worker_processes 1; daemon off; master_process off;
pid nginx.pid; error_log nginx.err crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;
  uwsgi_temp_path t4; scgi_temp_path t5;
  ssl_protocols TLSv1.3; ssl_certificate ${cert}; ssl_certificate_key ${key};
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  upstream u { server 127.0.0.1:${upstreamPort}; keepalive 512; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096; listen 127.0.0.1:${h2Port} http2;
    listen 127.0.0.1:${tlsPort} ssl http2 backlog=4096;
    location / { proxy_pass http://u; }
  }
}
`;
}

function haproxy({ port, tlsPort, upstreamPort, pair }: Setting): string {
  return `global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout http-keep-alive 300s
frontend f
  bind 127.0.0.1:${port}
  bind 127.0.0.1:${tlsPort} ssl crt ${pair} alpn h2,http/1.1 ssl-min-ver TLSv1.3
  default_backend u
backend u
  http-reuse always
  server s 127.0.0.1:${upstreamPort} pool-max-conn 512
`;
}

function envoy({ port, tlsPort, upstreamPort, cert, key }: Setting): object {
  const address = (portValue: number): object => ({
    socket_address: { address: '127.0.0.1', port_value: portValue },
  });
  const http = {
    '@type': `${FILTER_TYPE}.network.http_connection_manager.v3.HttpConnectionManager`,
    ...{ stat_prefix: 'in', codec_type: 'AUTO', generate_request_id: false },
    http_filters: [
      { name: 'router', typed_config: { '@type': `${FILTER_TYPE}.http.router.v3.Router` } },
    ],
    route_config: {
      name: 'r',
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'u' } }],
        },
      ],
    },
  };
  const filters = [{ name: 'http', typed_config: http }];
  const tls = {
    '@type': `${TLS_TYPE}.DownstreamTlsContext`,
    common_tls_context: {
      alpn_protocols: ['h2', 'http/1.1'],
      tls_params: { tls_minimum_protocol_version: 'TLSv1_3' },
      tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
    },
  };
  const endpoint = { endpoint: { address: address(upstreamPort) } };
  const load = { cluster_name: 'u', endpoints: [{ lb_endpoints: [endpoint] }] };
  return {
    static_resources: {
      listeners: [
        { name: 'clear', address: address(port), filter_chains: [{ filters }] },
        {
          ...{ name: 'tls', address: address(tlsPort) },
          filter_chains: [{ filters, transport_socket: { name: 'tls', typed_config: tls } }],
        },
      ],
      clusters: [{ name: 'u', type: 'STATIC', load_assignment: load }],
    },
  };
}

/** Somebody accepts on the port. */
async function untilOpen(port: number): Promise<void> {
  const endMs = performance.now() + OPEN_TIMEOUT_MS;
  while (performance.now() < endMs) {
    if (await accepts(port)) return;
    await new Promise((resolve) => setTimeout(resolve, OPEN_POLL_MS));
  }
  throw new Error(`nobody serves on port ${port} after ${OPEN_TIMEOUT_MS} ms`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

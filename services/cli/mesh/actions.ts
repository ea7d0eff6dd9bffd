import { readFileSync } from 'node:fs';
import { basename, relative, resolve } from 'node:path';
import { natsConfig, oneMeshStore } from '#local/settings.ts';
import { revokeProxy } from '#platform/mesh/accounts.ts';
import { renewServerCertificate } from '#platform/mesh/certificates.ts';
import { createMesh } from '#platform/mesh/create.ts';
import { issueCredential } from '#platform/mesh/credential.ts';
import {
  MeshFolderError,
  type MeshPaths,
  MeshRequestError,
  meshPaths,
  writeWhole,
} from '#platform/mesh/folder.ts';
import { CliError, EXIT, usage } from '../errors.ts';
import { type Io, line } from '../io.ts';
import { count } from '../output/format.ts';

const LOCAL_HOSTS = ['localhost', '127.0.0.1'];
const READ_ANEW =
  'nats-server reads it after: nats-server --signal reload (or SIGHUP), on each server that has it';

export interface InitOptions {
  mesh?: string;
  natsListen: string;
  natsHost?: string[];
}

export function initMesh(io: Io, dir: string, options: InitOptions): void {
  const name = options.mesh ?? basename(resolve(dir));
  const { natsListen: listen, natsHost = [] } = options;
  const paths = told(() =>
    createMesh({
      ...{ dir: resolve(dir), mesh: name, nowMs: io.wallMs() },
      natsHosts: [...natsHost, ...LOCAL_HOSTS],
      natsConfig: (made) => configOf(made, name, listen),
    }),
  );
  line(io.out, nextSteps(paths, name, listen));
}

function configOf({ nats }: MeshPaths, mesh: string, listen: string): string {
  return natsConfig({
    ...{ name: `windrose-${mesh}`, listen, store: oneMeshStore },
    storeDir: `${nats.dir}/jetstream`,
    secure: { accounts: './accounts.conf', cert: nats.cert, key: nats.key },
  });
}

function nextSteps(paths: MeshPaths, mesh: string, listen: string): string {
  const dir = fromHere(paths.dir);
  const at = (file: string): string => fromHere(file);
  const url = `tls://${listen.replace(/^(0\.0\.0\.0|\*):/, '127.0.0.1:')}`;
  return `The mesh ${mesh} is in ${dir}.

1. NATS, with ${at(paths.nats.config)} (one server; infra/nats has three) and the folder of it:
     nats-server -c ${at(paths.nats.config)}
2. The config service, with ${at(paths.creds.config)}, ${at(paths.signingKey)} and
   ${at(paths.sealingKey)}:
     services/config/main.ts --mesh ${mesh} --nats ${url} \\
       --nats-creds ${at(paths.creds.config)} --nats-ca ${at(paths.nats.ca)} \\
       --signing-key ${at(paths.signingKey)} --sealing-key ${at(paths.sealingKey)}
   The alerting service has ${at(paths.creds.alerting)}, and --trust ${at(paths.trust)}.
3. A credential for each proxy:
     windrose mesh credential ${dir} --proxy edge-1 --role gateway -o edge-1.json
     windrose proxy --credential edge-1.json --nats ${url}

Keep ${at(`${paths.dir}/keys`)} off those machines: whoever has it makes credentials.`;
}

export interface CredentialOptions {
  proxy: string;
  service?: string;
  cidr?: string[];
  gateway?: string[];
  output?: string;
  replace?: boolean;
}

/** `expiresMs`: from now on; undefined: for ever. */
export function makeCredential(
  io: Io,
  dir: string,
  options: CredentialOptions,
  expiresMs: number | undefined,
): void {
  const { proxy, service, cidr: cidrs, gateway: gateways, output } = options;
  if (output !== undefined) checkOutput(output, options);
  const nowMs = io.wallMs();
  const expiresAtMs = expiresMs === undefined ? undefined : nowMs + expiresMs;
  const request = { proxy, service, cidrs, gateways, expiresAtMs };
  const made = told(() => issueCredential(meshPaths(dir), request, nowMs));
  const text = `${JSON.stringify(made, undefined, 2)}\n`;
  if (output === undefined) {
    io.out.write(text);
    return;
  }
  told(() => writeWhole({ path: output, text }));
  const until = expiresAtMs === undefined ? 'it is revoked' : new Date(expiresAtMs).toISOString();
  line(io.err, `${output} is the credential of ${proxy}, good until ${until}`);
}

/** A credential is not written over by mistake, and nothing else is at all. */
function checkOutput(file: string, { proxy, replace = false }: CredentialOptions): void {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new CliError(EXIT.failed, `${file} cannot be written: ${String(error)}`);
  }
  if (!replace) {
    throw new CliError(EXIT.failed, `${file} is there already; --replace writes over it`);
  }
  if (proxyIn(text) === proxy) return;
  throw new CliError(EXIT.failed, `${file} is no credential of ${proxy}: nothing was written`);
}

function proxyIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { proxy?: unknown } | null)?.proxy;
  } catch {
    return undefined; // No credential: the caller says so.
  }
}

export function revoke(io: Io, dir: string, proxy: string): void {
  const paths = meshPaths(dir);
  const revoked = told(() => revokeProxy(paths, proxy, io.wallMs()));
  if (revoked === 0) {
    throw new CliError(EXIT.failed, `${proxy} has no credential of this mesh that is good`);
  }
  line(io.out, `${count(revoked, 'credential')} of ${proxy} revoked in ${paths.nats.accounts}`);
  line(io.out, READ_ANEW);
}

export function renewCertificate(io: Io, dir: string): void {
  const paths = meshPaths(dir);
  const until = told(() => renewServerCertificate(paths, io.wallMs()));
  line(io.out, `${paths.nats.cert} is good until ${until.toISOString()}`);
  line(io.out, READ_ANEW);
}

function told<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof MeshRequestError) throw usage(error.message);
    if (error instanceof MeshFolderError) throw new CliError(EXIT.failed, error.message);
    throw error;
  }
}

function fromHere(path: string): string {
  return relative(process.cwd(), path) || '.';
}

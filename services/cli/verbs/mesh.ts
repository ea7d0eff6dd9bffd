import { type Command, Option } from 'commander';
import { WINDOW, parseWindowMs } from '#contracts/duration.ts';
import { usage } from '../errors.ts';
import type { Io } from '../io.ts';
import type { CredentialOptions, InitOptions } from '../mesh/actions.ts';
import { addVerb } from '../verb.ts';

const DEFAULT_LISTEN = '127.0.0.1:4222';
const ROLES = ['gateway', 'sidecar', 'fused'] as const;

// The actions are loaded when they run: the library that makes NATS keys is no business of other
// verbs.
export function addMesh(program: Command, io: Io): void {
  const mesh = program.command('mesh').summary('make keys and credentials of a mesh, offline');
  mesh.description('make keys and credentials of a mesh, offline');
  addInit(mesh, io);
  addCredential(mesh, io);
  addRevoke(mesh, io);
  addCertificate(mesh, io);
}

function addInit(mesh: Command, io: Io): void {
  addVerb(mesh, {
    usage: 'init <dir>',
    summary: 'make the keys of a new mesh, and the accounts and TLS of its NATS',
    details:
      'Everything is in the new folder, which is made whole or not at all; keep it as you keep\n' +
      'private keys, and give each server and process only the files that are named for it.',
    examples: [
      'windrose mesh init ./prod',
      'windrose mesh init ./prod --mesh shop --nats-listen 0.0.0.0:4222 --nats-host nats.internal',
    ],
  })
    .option('--mesh <name>', 'name of the mesh (default: the name of the folder)')
    .option('--nats-listen <host:port>', 'where nats-server will listen', DEFAULT_LISTEN)
    .option('--nats-host <names...>', 'more names or IPv4 addresses by which it is reached')
    .action(async (dir: string, options: InitOptions) => {
      const { natsListen } = options;
      if (!/^[^\s:]+:\d{1,5}$/.test(natsListen)) {
        throw usage(`--nats-listen ${natsListen} is no host:port`);
      }
      const { initMesh } = await import('../mesh/actions.ts');
      initMesh(io, dir, options);
    });
}

interface CredentialFlags extends CredentialOptions {
  role: (typeof ROLES)[number];
  expires?: string;
}

function addCredential(mesh: Command, io: Io): void {
  addVerb(mesh, {
    usage: 'credential <dir>',
    summary: 'make the credential of one proxy: one file, for --credential',
    details:
      'It says what the proxy may announce, and what it may do on NATS: nothing but its own.',
    examples: [
      'windrose mesh credential ./prod --proxy edge-1 --role gateway -o edge-1.json',
      'windrose mesh credential ./prod --proxy reviews-1 --role sidecar --service shop/reviews ' +
        '--cidr 10.1.0.0/16 --expires 90d -o reviews-1.json',
    ],
  })
    .requiredOption('--proxy <name>', 'name of the proxy')
    .addOption(new Option('--role <role>', 'what it serves').choices(ROLES).default('gateway'))
    .option('--service <name>', 'namespace/name of the Service that a sidecar may announce')
    .option('--cidr <ranges...>', 'addresses that it may announce, such as 10.1.0.0/16')
    .option('--gateway <names...>', 'namespace/name of Gateways whose certificates it may have')
    .option('--expires <duration>', 'how long it is good for, such as 90d (default: for ever)')
    .option('-o, --output <file>', 'where to write it (default: standard output)')
    .option('--replace', 'write over a credential that is there')
    .action(async (dir: string, options: CredentialFlags) => {
      checkRole(options);
      const { expires } = options;
      const expiresMs = expires === undefined ? undefined : expiryMs(expires);
      const { makeCredential } = await import('../mesh/actions.ts');
      makeCredential(io, dir, options, expiresMs);
    });
}

function checkRole({ role, service, cidr, gateway }: CredentialFlags): void {
  if (role === 'gateway') {
    const flag = service !== undefined ? '--service' : cidr !== undefined ? '--cidr' : undefined;
    if (flag !== undefined) throw usage(`${flag} is for --role sidecar or fused`);
    return;
  }
  if (role === 'sidecar' && gateway !== undefined) {
    throw usage('--gateway is for --role gateway or fused');
  }
  if (service === undefined) {
    throw usage(`--service is missing: the Service that a proxy of role ${role} may announce`);
  }
  if (cidr === undefined) {
    throw usage('--cidr is missing: the addresses at which it may announce its Service');
  }
}

function expiryMs(text: string): number {
  if (new RegExp(WINDOW).test(text)) return parseWindowMs(text);
  throw usage(`--expires ${text} is no time to be good for; write it like 90d or 12h`);
}

function addRevoke(mesh: Command, io: Io): void {
  addVerb(mesh, {
    usage: 'revoke <dir>',
    summary: 'take back the credentials of a proxy: NATS refuses them from then on',
    examples: ['windrose mesh revoke ./prod --proxy reviews-1'],
  })
    .requiredOption('--proxy <name>', 'name of the proxy')
    .action(async (dir: string, { proxy }: { proxy: string }) => {
      const { revoke } = await import('../mesh/actions.ts');
      revoke(io, dir, proxy);
    });
}

function addCertificate(mesh: Command, io: Io): void {
  addVerb(mesh, {
    usage: 'certificate <dir>',
    summary: 'make the certificate of the NATS servers anew, by the same authority',
    examples: ['windrose mesh certificate ./prod'],
  }).action(async (dir: string) => {
    const { renewCertificate } = await import('../mesh/actions.ts');
    renewCertificate(io, dir);
  });
}

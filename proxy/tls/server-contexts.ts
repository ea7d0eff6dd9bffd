import { createHash } from 'node:crypto';
import type { Server, TlsOptions } from 'node:tls';
import { LIMITS } from '../listener/limits.ts';
import { tls as nodeTls } from '../node-tls.ts';
import type { ListenerSpec, TerminatedTls } from '../snapshot/compiled.ts';
import type { ServerCertificate } from './certificate.ts';
import type { Certificates } from './certificates.ts';
import { TLS_SETTINGS } from './protocol.ts';

const HTTP_PROTOCOLS = ['h2', 'http/1.1'];
/** The wheel has the time-out of a handshake; node's own needs a number and a negative is never. */
const NO_TIMEOUT = -1;
const SESSION_CONTEXT_BYTES = 32;

interface Context {
  server: Server;
  readonly tls: TerminatedTls;
  version: number;
}

/**
 * The ends of TLS of all listeners: one `tls.Server` that never listens for each choice of
 * certificates and client authorities, made when the first connection needs it. A change of the
 * files gives it another context; connections that stand keep theirs.
 */
export class ServerContexts {
  readonly #certificates: Certificates;
  readonly #contexts = new Map<string, Context>();
  readonly #prepare: (server: Server) => void;
  #ticketKey: Buffer;

  /** `prepare` is called once with each new server. */
  constructor(certificates: Certificates, ticketKey: Buffer, prepare: (server: Server) => void) {
    this.#certificates = certificates;
    this.#ticketKey = ticketKey;
    this.#prepare = prepare;
  }

  setTicketKey(key: Buffer): void {
    this.#ticketKey = key;
    for (const { server } of this.#contexts.values()) server.setTicketKeys(key);
  }

  /** Forgets what no listener refers to any more; connections do not need it. */
  keep(specs: readonly ListenerSpec[]): void {
    const used = new Set(specs.map(({ tls }) => tls));
    for (const [key, { tls }] of this.#contexts) if (!used.has(tls)) this.#contexts.delete(key);
  }

  /** Undefined: the listener has no certificate that can be served, or not whom to trust. */
  serverFor(spec: ListenerSpec, serverName: string): Server | undefined {
    const { tls } = spec;
    if (tls === undefined) return undefined;
    const chosen = chooseCertificates(this.#certificates, tls.certificates, serverName);
    if (chosen.length === 0) return undefined;
    const key = [
      ...[spec.name, spec.protocol, tls.clientAuthorities?.join(',') ?? '-'],
      ...(tls.allowsAnyClient === true ? ['?'] : []),
      ...chosen.map(({ name }) => name),
    ].join(' ');
    const context = this.#contexts.get(key);
    const { version } = this.#certificates;
    if (context?.version === version) return context.server;
    const options = this.#options(spec, tls, chosen);
    if (options === undefined) return undefined;
    if (context === undefined) {
      const server = nodeTls().createServer({
        ...options,
        handshakeTimeout: NO_TIMEOUT,
        highWaterMark: LIMITS.bufferBytes,
        ...(spec.protocol === 'HTTPS' ? { ALPNProtocols: HTTP_PROTOCOLS } : {}),
      });
      this.#prepare(server);
      this.#contexts.set(key, { server, tls, version });
      return server;
    }
    context.server.setSecureContext(options);
    context.version = version;
    return context.server;
  }

  #options(
    spec: ListenerSpec,
    tls: TerminatedTls,
    chosen: readonly ServerCertificate[],
  ): TlsOptions | undefined {
    const { clientAuthorities } = tls;
    // One that cannot be read is not trusted; of those that can, clients are let in.
    const trusted = clientAuthorities?.flatMap(
      (name) => this.#certificates.authorities(name) ?? [],
    );
    if (trusted?.length === 0) return undefined;
    const fingerprints = trusted?.map(({ fingerprint }) => fingerprint) ?? [];
    return {
      ...TLS_SETTINGS,
      cert: chosen.map(({ cert }) => cert),
      key: chosen.map(({ key }) => key),
      ticketKeys: this.#ticketKey,
      // All contexts share the key: a ticket is good only where the same clients are let in.
      sessionIdContext: sessionContext(spec.name, tls, fingerprints),
      ...(trusted === undefined
        ? {}
        : {
            ca: trusted.flatMap(({ pem }) => pem),
            requestCert: true,
            rejectUnauthorized: tls.allowsAnyClient !== true,
          }),
    };
  }
}

function sessionContext(
  listener: string,
  { allowsAnyClient = false }: TerminatedTls,
  fingerprints: readonly string[],
): string {
  const who = [...(allowsAnyClient ? ['anybody'] : []), ...fingerprints];
  const hash = createHash('sha256').update(`${listener}\n${who.join('\n')}`);
  return hash.digest('hex').slice(0, SESSION_CONTEXT_BYTES);
}

/**
 * The certificates for a server name: those that name it exactly, else by a wildcard, else all of
 * the listener in its order. Of each type of key the first, between which the handshake chooses.
 */
export function chooseCertificates(
  certificates: Pick<Certificates, 'server'>,
  names: readonly string[],
  serverName: string,
): ServerCertificate[] {
  const all = names.map((name) => certificates.server(name)).filter((each) => each !== undefined);
  const dot = serverName.indexOf('.');
  const wildcard = dot > 0 ? `*${serverName.slice(dot)}` : '';
  const exact = all.filter(({ dnsNames }) => dnsNames.includes(serverName));
  const wild = all.filter(({ dnsNames }) => wildcard !== '' && dnsNames.includes(wildcard));
  const [fitting = all] = [exact, wild].filter((list) => list.length > 0);
  const types = new Set<string>();
  return fitting.filter(({ keyType }) => {
    if (types.has(keyType)) return false;
    types.add(keyType);
    return true;
  });
}

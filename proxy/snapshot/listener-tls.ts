import type {
  Gateway,
  GatewayListener,
  GatewayTls,
  ListenerSet,
} from '#contracts/resources/index.ts';
import { readAuthorityRef, readCertificateRef } from './certificate-refs.ts';
import type { TerminatedTls } from './compiled.ts';
import { referrerOf } from './grants.ts';
import { type ConditionTag, NOT_HONORED, type Report } from './report.ts';
import type { View } from './view.ts';

/** A listener that is wrong here is not served: in the clear it would be something else. */
export type ReadTls = { ok: true; tls: TerminatedTls | undefined } | { ok: false };

/** What a listener's protocol and `tls` say together, and what the Gateway says of clients. */
export function readListenerTls(
  owner: Gateway | ListenerSet,
  listener: GatewayListener,
  clientsAt: ClientsAt,
  path: string,
  view: View,
  report: Report,
): ReadTls {
  const { protocol, tls, hostname } = listener;
  const mode = tls?.mode ?? 'Terminate';
  if (protocol === 'TCP' && hostname !== undefined) {
    report.add(`${path}.hostname`, 'invalid_value', 'a listener for TCP has no hostname');
    return { ok: false };
  }
  if (protocol === 'HTTP' || protocol === 'TCP') {
    if (tls === undefined) return { ok: true, tls: undefined };
    const message = `a listener for ${protocol} has no tls`;
    report.add(`${path}.tls`, 'invalid_value', message, 'write protocol: HTTPS or TLS');
    return { ok: false };
  }
  if (tls?.options !== undefined) {
    const message = `no option is known here: ${Object.keys(tls.options).join(', ')}`;
    report.note(`${path}.tls.options`, message, NOT_HONORED);
  }
  if (mode === 'Passthrough') return readPassthrough(listener, path, report);
  const refs = tls?.certificateRefs ?? [];
  const at = `${path}.tls.certificateRefs`;
  const from = referrerOf(owner);
  const certificates = readEach(refs, at, report, (ref, where) =>
    readCertificateRef(from, ref, where, view, report),
  );
  if (refs.length === 0) {
    report.add(at, 'missing_field', `a listener for ${protocol} needs a certificate`);
  }
  if (certificates.length === 0) return { ok: false };
  const clients = clientsAt(listener.port);
  if (clients?.authorities.length === 0) {
    const message = 'none of the authorities for client certificates at this port can be used';
    report.note(`${path}.tls`, message, NO_AUTHORITY);
    return { ok: false };
  }
  return {
    ok: true,
    tls: Object.freeze({
      certificates: Object.freeze(certificates),
      ...(clients === undefined
        ? {}
        : { clientAuthorities: clients.authorities, clientsPath: clients.path }),
      ...(clients?.allowsAny === true ? { allowsAnyClient: true } : {}),
    }),
  };
}

const NO_AUTHORITY: ConditionTag = Object.freeze({
  type: 'Accepted',
  reason: 'NoValidCACertificate',
});

function readPassthrough(listener: GatewayListener, path: string, report: Report): ReadTls {
  if (listener.protocol === 'HTTPS') {
    const message = 'HTTPS is read here, so that it cannot pass through';
    report.add(`${path}.tls.mode`, 'invalid_value', message, 'write protocol: TLS');
    return { ok: false };
  }
  if ((listener.tls?.certificateRefs?.length ?? 0) > 0) {
    const message = 'what passes through needs no certificate: certificateRefs are ignored';
    report.note(`${path}.tls`, message, NOT_HONORED);
  }
  return { ok: true, tls: undefined };
}

/** The certificate that the Gateway shows to backends; undefined: it shows none. */
export function readClientCertificate(
  gateway: Gateway,
  view: View,
  report: Report,
): string | undefined {
  const ref = gateway.spec.tls?.backend?.clientCertificateRef;
  if (ref === undefined) return undefined;
  const path = 'spec.tls.backend.clientCertificateRef';
  return readCertificateRef(referrerOf(gateway), ref, path, view, report);
}

/** Whose clients are let in at a port. */
export interface ClientValidation {
  /** Names of authorities; none: not one of them can be used, and nobody is let in. */
  readonly authorities: readonly string[];
  /** A client without a valid certificate is let in too. */
  readonly allowsAny: boolean;
  /** Where the Gateway says so. */
  readonly path: string;
}

/** Undefined: no certificates are asked for. */
export type ClientsAt = (port: number) => ClientValidation | undefined;

/** Those of the port, else those of all ports (GEP-91). */
export function readClients(gateway: Gateway, view: View, report: Report): ClientsAt {
  const frontend = gateway.spec.tls?.frontend;
  if (frontend === undefined) return () => undefined;
  const from = referrerOf(gateway);
  const read = (validation: Validation, where: string): ClientValidation | undefined => {
    if (validation === undefined) return undefined;
    const path = `spec.tls.frontend.${where}.validation`;
    const { caCertificateRefs: refs, mode } = validation;
    const authorities = readEach(refs, `${path}.caCertificateRefs`, report, (ref, at) =>
      readAuthorityRef(from, ref, at, view, report),
    );
    const allowsAny = mode === 'AllowInsecureFallback';
    if (allowsAny) report.note(`${path}.mode`, INSECURE_MESSAGE, INSECURE);
    return Object.freeze({ authorities: Object.freeze(authorities), allowsAny, path });
  };
  const ofAll = read(frontend.default.validation, 'default');
  const ofPorts = new Map<number, ClientValidation | undefined>();
  frontend.perPort?.forEach(({ port, tls }, index) => {
    const where = `perPort[${index}]`;
    if (ofPorts.has(port)) {
      const path = `spec.tls.frontend.${where}.port`;
      const message = `port ${port} stands twice here`;
      report.add(path, 'duplicate', message, undefined, NOT_HONORED);
    } else ofPorts.set(port, read(tls.validation, `${where}.tls`));
  });
  return (port) => (ofPorts.has(port) ? ofPorts.get(port) : ofAll);
}

const INSECURE_MESSAGE =
  'clients without a valid certificate are let in: who they are is for the backends to find out';
const INSECURE: ConditionTag = Object.freeze({
  type: 'InsecureFrontendValidationMode',
  reason: 'ConfigurationChanged',
});

type Validation = NonNullable<GatewayTls['frontend']>['default']['validation'];

/** Reads references one by one; what is wrong with one leaves the others. */
function readEach<Ref extends { name: string }>(
  refs: readonly Ref[],
  path: string,
  report: Report,
  read: (ref: Ref, path: string) => string | undefined,
): string[] {
  const names: string[] = [];
  refs.forEach((ref, index) => {
    const name = read(ref, `${path}[${index}]`);
    if (name === undefined) return;
    if (!names.includes(name)) {
      names.push(name);
      return;
    }
    const message = `${ref.name} stands twice here`;
    report.add(`${path}[${index}].name`, 'duplicate', message, undefined, NOT_HONORED);
  });
  return names;
}

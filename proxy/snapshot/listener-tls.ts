import type { Gateway, GatewayListener, GatewayTls } from '#contracts/resources/index.ts';
import type { TerminatedTls } from './compiled.ts';
import { namespaceOf } from './refs.ts';
import type { Report } from './report.ts';

/** A listener that is wrong here is not served: in the clear it would be something else. */
export type ReadTls = { ok: true; tls: TerminatedTls | undefined } | { ok: false };

/** What a listener's protocol and `tls` say together, and what the Gateway says of clients. */
export function readListenerTls(
  gateway: Gateway,
  listener: GatewayListener,
  clientsAt: ClientAuthorities,
  path: string,
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
  if (mode === 'Passthrough') return readPassthrough(listener, path, report);
  const certificates = readRefs(
    gateway,
    tls?.certificateRefs ?? [],
    `${path}.tls.certificateRefs`,
    report,
  );
  if (certificates.length === 0) {
    const message = `a listener for ${protocol} needs a certificate`;
    report.add(`${path}.tls.certificateRefs`, 'missing_field', message);
    return { ok: false };
  }
  const clientAuthorities = clientsAt(listener.port);
  return {
    ok: true,
    tls: Object.freeze({
      certificates: Object.freeze(certificates),
      ...(clientAuthorities === undefined ? {} : { clientAuthorities }),
    }),
  };
}

function readPassthrough(listener: GatewayListener, path: string, report: Report): ReadTls {
  if (listener.protocol === 'HTTPS') {
    const message = 'HTTPS is read here, so that it cannot pass through';
    report.add(`${path}.tls.mode`, 'invalid_value', message, 'write protocol: TLS');
    return { ok: false };
  }
  if ((listener.tls?.certificateRefs?.length ?? 0) > 0) {
    const message = 'what passes through needs no certificate';
    report.add(`${path}.tls.certificateRefs`, 'invalid_value', message);
    return { ok: false };
  }
  return { ok: true, tls: undefined };
}

/** The certificate that the Gateway shows to backends; undefined: it shows none. */
export function readClientCertificate(gateway: Gateway, report: Report): string | undefined {
  const ref = gateway.spec.tls?.backend?.clientCertificateRef;
  if (ref === undefined) return undefined;
  return readRef(gateway, ref, 'spec.tls.backend.clientCertificateRef', report);
}

/** Authorities of client certificates at a port; undefined: none are asked for. */
export type ClientAuthorities = (port: number) => readonly string[] | undefined;

/** Those of the port, else those of all ports. Of names that cannot be read none is trusted. */
export function readClientAuthorities(gateway: Gateway, report: Report): ClientAuthorities {
  const frontend = gateway.spec.tls?.frontend;
  if (frontend === undefined) return () => undefined;
  const read = (validation: Validation, where: string): readonly string[] | undefined => {
    if (validation === undefined) return undefined;
    const path = `spec.tls.frontend.${where}.validation.caCertificateRefs`;
    return Object.freeze(readRefs(gateway, validation.caCertificateRefs, path, report));
  };
  const ofAll = read(frontend.default.validation, 'default');
  const ofPorts = new Map<number, readonly string[] | undefined>();
  frontend.perPort?.forEach(({ port, tls }, index) => {
    const where = `perPort[${index}]`;
    if (ofPorts.has(port)) {
      const path = `spec.tls.frontend.${where}.port`;
      report.add(path, 'duplicate', `port ${port} stands twice here`);
    } else ofPorts.set(port, read(tls.validation, `${where}.tls`));
  });
  return (port) => (ofPorts.has(port) ? ofPorts.get(port) : ofAll);
}

type Validation = NonNullable<GatewayTls['frontend']>['default']['validation'];

function readRefs(
  gateway: Gateway,
  refs: readonly NamedRef[],
  path: string,
  report: Report,
): string[] {
  const names: string[] = [];
  refs.forEach((ref, index) => {
    const name = readRef(gateway, ref, `${path}[${index}]`, report);
    if (name === undefined) return;
    if (!names.includes(name)) names.push(name);
    else report.add(`${path}[${index}].name`, 'duplicate', `${ref.name} stands twice here`);
  });
  return names;
}

interface NamedRef {
  namespace?: string;
  name: string;
}

function readRef(
  gateway: Gateway,
  { namespace, name }: NamedRef,
  path: string,
  report: Report,
): string | undefined {
  const own = namespaceOf(gateway);
  if (namespace === undefined || namespace === own) return `${own}/${name}`;
  const message = `${name} is of another namespace, which this version does not take yet`;
  report.add(`${path}.namespace`, 'not_supported_yet', message);
  return undefined;
}

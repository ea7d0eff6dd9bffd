import type { RouteResource, Service } from '#contracts/resources/index.ts';

type Port = Service['spec']['ports'][number];

/** Written `HTTPS` as well: names of the IANA registry have no case (RFC 6335 section 5.1). */
const HTTP2: ReadonlySet<string> = new Set(['kubernetes.io/h2c', 'grpc']);
const OVER_TLS: ReadonlySet<string> = new Set(['https', 'kubernetes.io/wss']);
const WEBSOCKET: ReadonlySet<string> = new Set(['kubernetes.io/ws', 'kubernetes.io/wss']);

/** Routes lead to TCP ports; what is there beside them is another's. */
export function isTcp({ protocol = 'TCP' }: Pick<Port, 'protocol'>): boolean {
  return protocol === 'TCP';
}

/** The application speaks HTTP/2 by prior knowledge. */
export function isHttp2(port: Port): boolean {
  return HTTP2.has(nameOf(port));
}

/** What comes to it is never read. */
export function isOpaque(port: Port): boolean {
  return nameOf(port) === 'tcp';
}

/**
 * Why a route cannot speak to a port as its `appProtocol` says (GEP-1911); undefined: it can. A
 * name that says nothing to us is as none: HTTP, as the route has it. Routes of streams do not care
 * what the bytes are.
 */
export function misfit(
  port: Port,
  isSecured: boolean,
  { kind }: RouteResource,
): { message: string; hint: string } | undefined {
  const { appProtocol = '' } = port;
  if (kind !== 'HTTPRoute' && kind !== 'GRPCRoute') return undefined;
  if (kind === 'GRPCRoute' && WEBSOCKET.has(nameOf(port))) {
    return {
      message: `appProtocol ${appProtocol} is no gRPC`,
      hint: 'write appProtocol: kubernetes.io/h2c',
    };
  }
  if (!OVER_TLS.has(nameOf(port)) || isSecured) return undefined;
  return {
    message: `appProtocol ${appProtocol} is TLS, and nothing says whom to trust`,
    hint: 'attach a BackendTLSPolicy to the Service',
  };
}

function nameOf({ appProtocol = '' }: Port): string {
  return appProtocol.toLowerCase();
}

import type { RouteResource } from '#contracts/resources/index.ts';
import type { CompiledBackend } from './compiled.ts';
import { serviceKey } from './refs.ts';
import type { Report } from './report.ts';
import { type View, resourceAt } from './view.ts';

/** WebSocket is the one protocol of a port that cannot carry a call. */
const NO_CALLS = 'kubernetes.io/ws';

/**
 * A backend of a GRPCRoute is spoken to in HTTP/2 whatever its port says, but for one that says
 * that it speaks something else (GRPCBackendRef, "appProtocol"): it is invalid. `path` is the
 * reference's.
 */
export function checkCalls(
  backend: CompiledBackend,
  route: RouteResource,
  path: string,
  view: View,
  report: Report,
): CompiledBackend {
  if (route.kind !== 'GRPCRoute' || !backend.valid) return backend;
  const service = resourceAt(view, 'Service', serviceKey(backend.service));
  const port = service?.spec.ports.find((each) => each.port === backend.port);
  if (port?.appProtocol !== NO_CALLS) return backend;
  const message = `port ${backend.port} of ${backend.service} speaks ${NO_CALLS}, which is no gRPC`;
  report.add(`${path}.port`, 'invalid_reference', message, 'give the port appProtocol: grpc');
  return Object.freeze({ ...backend, valid: false });
}

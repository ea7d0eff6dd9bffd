import { type Cause, ERRORS } from '../errors.ts';
import type { HeaderList } from '../headers.ts';
import { NO_GRPC_STATUS } from './protocol.ts';

/** Codes of gRPC (grpc/doc/statuscodes.md) that mean something here beside the table of errors. */
export const GRPC = {
  unknown: 2,
  permissionDenied: 7,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** grpc/doc/http-grpc-status-mapping.md; what it does not name is UNKNOWN. */
const OF_HTTP: Readonly<Record<number, number>> = {
  400: GRPC.internal,
  401: GRPC.unauthenticated,
  403: GRPC.permissionDenied,
  404: GRPC.unimplemented,
  429: GRPC.unavailable,
  502: GRPC.unavailable,
  503: GRPC.unavailable,
  504: GRPC.unavailable,
};

/**
 * The code for a call that the proxy ends itself: the table's, and by the HTTP status where a
 * policy chose that; or, for one that was passed on, what an answer of HTTP alone comes to.
 */
export function grpcStatusOf(cause: Cause | 'ok', status: number): number {
  if (cause === 'ok' || cause === 'fault_injected') return OF_HTTP[status] ?? GRPC.unknown;
  return ERRORS[cause].grpc;
}

/** What a head or trailers say; NO_GRPC_STATUS: nothing that is a code. */
export function grpcStatusIn(fields: HeaderList | undefined): number {
  const text = fields?.get('grpc-status');
  if (text === undefined || text.length === 0 || text.length > 2) return NO_GRPC_STATUS;
  const code = Number(text);
  return Number.isInteger(code) && code >= 0 ? code : NO_GRPC_STATUS;
}

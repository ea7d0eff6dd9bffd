/** The field that carries what is left of a call's time. */
export const GRPC_TIMEOUT = 'grpc-timeout';

/** grpc/doc/PROTOCOL-HTTP2.md: at most eight digits and a unit. */
const TIMEOUT = /^([0-9]{1,8})([HMSmun])$/;
const LENGTH_MAX = 9;
const UNIT_MS: Readonly<Record<string, number>> = {
  ...{ H: 3_600_000, M: 60_000, S: 1_000 },
  ...{ m: 1, u: 0.001, n: 0.000_001 },
};
const VALUE_MAX = 99_999_999;

/**
 * Milliseconds with fractions; Infinity where none is said: such a call may take for ever.
 * undefined: the field is malformed. The intake refuses its call with INTERNAL, as grpc-go does:
 * without the bound it could run long after its client has given it up.
 */
export function grpcTimeoutMs(text: string | undefined): number | undefined {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const match = text.length > LENGTH_MAX ? null : TIMEOUT.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? Number.POSITIVE_INFINITY);
}

/** In the finest unit that holds it; the time that is left is never rounded up, nor to nothing. */
export function formatGrpcTimeout(leftMs: number): string {
  const leftUs = Math.max(1, Math.floor(leftMs * 1_000));
  if (leftUs <= VALUE_MAX) return `${leftUs}u`;
  const wholeMs = Math.floor(leftMs);
  if (wholeMs <= VALUE_MAX) return `${wholeMs}m`;
  return `${Math.min(VALUE_MAX, Math.floor(leftMs / 1_000))}S`;
}

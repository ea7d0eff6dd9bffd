import type { Endpoint, ServiceEndpoints } from '#contracts/events.ts';
import { decodeJson } from '#platform/message.ts';
import type { Signer, Trust } from '#platform/signing.ts';
import type { Registry } from './registry.ts';

export interface PublishedPlace {
  mesh: string;
  /** Both undefined: the mesh is unsigned. */
  signer?: Signer | undefined;
  trust?: Trust | undefined;
}

/** One message of the endpoints stream. */
export interface PublishedMessage {
  service: string;
  data: Uint8Array;
  sequence: number;
}

/**
 * Takes over what stands in the log for a service. What is not believed counts as an empty set that
 * has to be written over; says why, in words that follow "it". With `resign` a set that another key
 * than this service's has signed is written again too: what proxies start from must not hang on a
 * key that is on its way out.
 */
export function adoptMessage(
  registry: Registry,
  message: PublishedMessage,
  place: PublishedPlace,
  resign: boolean,
): string | undefined {
  const { service, data, sequence } = message;
  const known = registry.published(service);
  if (known !== undefined && known.sequence >= sequence) return undefined;
  const knownMs = known?.timeMs ?? 0;
  const value = decodeJson(data);
  const refusal = place.trust === undefined ? undefined : distrust(value, message, place, knownMs);
  if (refusal !== undefined) {
    registry.adopt(service, [], sequence, { timeMs: knownMs, stale: true });
    return refusal;
  }
  const signed = value as Partial<ServiceEndpoints> | undefined;
  const isOwn = place.signer === undefined || signed?.signature?.key === place.signer.id;
  const word = { timeMs: timeOf(value) ?? knownMs, stale: resign && !isOwn };
  registry.adopt(service, endpointsIn(value), sequence, word);
  return undefined;
}

/** Later than what it replaces, whatever the clocks say: who reads it takes nothing older. */
export function timeAfter(wallMs: number, replacedMs: number): string {
  return new Date(Math.max(wallMs, replacedMs + 1)).toISOString();
}

function distrust(
  value: Record<string, unknown> | undefined,
  { service }: PublishedMessage,
  { mesh, trust }: PublishedPlace,
  knownMs: number,
): string | undefined {
  if (value === undefined) return 'is no JSON object';
  const refusal = trust?.refusalOf('endpoints', value);
  if (refusal !== undefined) return refusal;
  if (value['mesh'] !== mesh) return `belongs to the mesh ${String(value['mesh'])}`;
  if (value['service'] !== service) return `was signed for ${String(value['service'])}`;
  const timeMs = timeOf(value);
  if (timeMs === undefined) return 'has no time';
  return timeMs < knownMs ? 'is older than the one before it' : undefined;
}

function timeOf(value: Record<string, unknown> | undefined): number | undefined {
  const timeMs = Date.parse(String(value?.['time']));
  return Number.isFinite(timeMs) ? timeMs : undefined;
}

/** The endpoints that a message carries; none when it is not readable. */
function endpointsIn(value: Record<string, unknown> | undefined): Endpoint[] {
  const endpoints = value?.['endpoints'];
  return Array.isArray(endpoints) ? endpoints.filter(isEndpoint) : [];
}

function isEndpoint(value: unknown): value is Endpoint {
  if (typeof value !== 'object' || value === null) return false;
  const { address, port, proxy, zone } = value as Record<string, unknown>;
  return (
    typeof address === 'string' &&
    typeof port === 'number' &&
    typeof proxy === 'string' &&
    typeof zone === 'string'
  );
}

import type { ServiceEndpoints } from '#contracts/events.ts';
import { SERVICE_NAME } from '#contracts/names.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { decodeJson } from '#platform/message.ts';
import type { Trust } from '#platform/signing.ts';

const SERVICE = new RegExp(SERVICE_NAME);

/** What the registry said last of each service, for the snapshot on disk and for new workers. */
export class EndpointBook {
  readonly #services = new Map<string, ServiceEndpoints>();
  /** When what is known of each was said, also of those that have none now; Unix ms. */
  readonly #timesMs = new Map<string, number>();

  all(): ServiceEndpoints[] {
    return [...this.#services.values()];
  }

  /** False: something newer is known, and nothing was changed. */
  set(announced: ServiceEndpoints): boolean {
    const timeMs = Date.parse(announced.time);
    if (timeMs < (this.#timesMs.get(announced.service) ?? timeMs)) return false;
    this.#timesMs.set(announced.service, timeMs);
    if (announced.endpoints.length === 0) this.#services.delete(announced.service);
    else this.#services.set(announced.service, announced);
    return true;
  }
}

/** Where a message about endpoints is read. */
export interface EndpointsPlace {
  mesh: string;
  subject: string;
  /** Undefined: the mesh is unsigned. */
  trust: Trust | undefined;
}

/** Reads a message of the endpoints stream; words that follow "it" say why it is not believed. */
export function readEndpoints(data: Uint8Array, place: EndpointsPlace): ServiceEndpoints | string {
  const value = decodeJson(data);
  if (value === undefined) return 'is no JSON object';
  const refusal = place.trust?.refusalOf('endpoints', value);
  if (refusal !== undefined) return refusal;
  const message = value as unknown as ServiceEndpoints;
  if (message.mesh !== place.mesh) return `belongs to the mesh ${String(message.mesh)}`;
  if (typeof message.service !== 'string' || !SERVICE.test(message.service)) {
    return 'names no service';
  }
  const [namespace = '', name = ''] = message.service.split('/');
  if (place.subject !== meshSubjects(place.mesh).endpoints(namespace, name)) {
    return `speaks of ${message.service}`;
  }
  if (!Number.isFinite(Date.parse(message.time))) return 'has no time';
  return hasEndpoints(message) ? message : 'has no list of endpoints';
}

function hasEndpoints({ endpoints }: ServiceEndpoints): boolean {
  return (
    Array.isArray(endpoints) &&
    endpoints.every(
      (endpoint) =>
        typeof endpoint === 'object' &&
        endpoint !== null &&
        typeof endpoint.address === 'string' &&
        Number.isInteger(endpoint.port),
    )
  );
}

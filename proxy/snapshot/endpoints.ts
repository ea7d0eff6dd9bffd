import type { ServiceEndpoints } from '#contracts/events.ts';
import { SERVICE_NAME } from '#contracts/names.ts';
import { decodeJson } from '#platform/message.ts';

const SERVICE = new RegExp(SERVICE_NAME);

/** What the registry said last of each service, for the snapshot on disk and for new workers. */
export class EndpointBook {
  readonly #services = new Map<string, ServiceEndpoints>();

  all(): ServiceEndpoints[] {
    return [...this.#services.values()];
  }

  restore(services: readonly ServiceEndpoints[]): void {
    for (const service of services) this.#services.set(service.service, service);
  }

  set(announced: ServiceEndpoints): void {
    if (announced.endpoints.length === 0) this.#services.delete(announced.service);
    else this.#services.set(announced.service, announced);
  }
}

/** Reads a message of the endpoints stream; undefined when it is not one of this mesh. */
export function readEndpoints(data: Uint8Array, mesh: string): ServiceEndpoints | undefined {
  const message = decodeJson(data) as ServiceEndpoints | undefined;
  if (message === undefined || message.mesh !== mesh) return undefined;
  if (typeof message.service !== 'string' || !SERVICE.test(message.service)) return undefined;
  if (!Array.isArray(message.endpoints)) return undefined;
  const readable = message.endpoints.every(
    (endpoint) =>
      typeof endpoint === 'object' &&
      endpoint !== null &&
      typeof endpoint.address === 'string' &&
      Number.isInteger(endpoint.port),
  );
  return readable ? message : undefined;
}

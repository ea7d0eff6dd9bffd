import type { HTTPBackendRef } from '#contracts/resources/index.ts';
import type { Context } from './context.ts';
import type { Fields } from './fields.ts';
import { type Subsets, serviceOfHost, subsetService } from './istio-hosts.ts';
import { isLabel } from './names.ts';
import { backendRef } from './routes.ts';

/** What a destination is read with: the namespace of its VirtualService, and what subsets are. */
export interface Destinations {
  readonly namespace: string;
  readonly subsets: Subsets;
  readonly context: Context;
}

/** Undefined when it is no Service of the cluster; that is noted. */
export function destinationRef(
  destination: Fields,
  { namespace, subsets, context }: Destinations,
): HTTPBackendRef | undefined {
  const host = destination.text('host') ?? '';
  const subset = destination.text('subset');
  const port = destination.map('port')?.number('number');
  destination.rest();
  const { notes } = destination;
  const service = serviceOfHost(host, namespace);
  if (service === undefined) {
    const message = `${host} is no Service of the cluster: write a Service with EndpointSlices`;
    notes.lost(destination.at('host'), message);
    return undefined;
  }
  const known = port ?? context.services.only(service.namespace, service.name);
  let { name } = service;
  if (subset !== undefined) {
    name = subsetService(service.name, subset);
    const labels = subsets.get(`${service.namespace}/${service.name}/${subset}`);
    const what = labels === undefined ? 'its labels' : labels;
    const message = `subset ${subset}: make a Service ${name} for the endpoints with ${what}`;
    notes.lost(destination.at('subset'), message);
    if (!isLabel(name)) return undefined;
  }
  const at = destination.at('port');
  const parts = { namespace: service.namespace, name, port: known };
  return backendRef(parts, namespace, at, notes, context);
}

import { fileURLToPath } from 'node:url';
import type { Resource } from '#contracts/resources/index.ts';
import { PartError } from '#local/errors.ts';
import { readManifests } from '#platform/manifests.ts';
import { type EdgePorts, MANIFEST_EDGE_PORTS } from './topology.ts';

/** Every resource of the demo carries it, so that a start can take away what others left. */
export const DEMO_LABELS: Readonly<Record<string, string>> = { app: 'shop' };

export const MANIFESTS = fileURLToPath(new URL('manifests', import.meta.url));
export const TRY = fileURLToPath(new URL('try', import.meta.url));

/** What infra/demo/manifests says, with the edge on these ports. */
export async function shopResources(ports: EdgePorts): Promise<Resource[]> {
  const { resources, problems } = await readManifests([MANIFESTS]);
  const [first] = problems;
  if (first !== undefined) {
    throw new PartError(
      `the demo's ${first.resource} is not valid: ${first.path} ${first.message}`,
    );
  }
  return resources.map((resource) => withEdgePorts(resource, ports));
}

function withEdgePorts(resource: Resource, ports: EdgePorts): Resource {
  if (resource.kind !== 'Gateway') return resource;
  const moved = new Map([
    [MANIFEST_EDGE_PORTS.edge, ports.edge],
    [MANIFEST_EDGE_PORTS.edgeTls, ports.edgeTls],
  ]);
  const listeners = resource.spec.listeners.map((listener) => ({
    ...listener,
    port: moved.get(listener.port) ?? listener.port,
  }));
  return { ...resource, spec: { ...resource.spec, listeners } };
}

import { fileURLToPath } from 'node:url';
import type { Resource } from '#contracts/resources/index.ts';
import { PartError } from '#local/errors.ts';
import { readManifests } from '#platform/manifests.ts';
import { MANIFEST_EDGE_PORT } from './topology.ts';

/** Every resource of the demo carries it, so that a start can take away what others left. */
export const DEMO_LABELS: Readonly<Record<string, string>> = { app: 'shop' };

export const MANIFESTS = fileURLToPath(new URL('manifests', import.meta.url));
export const TRY = fileURLToPath(new URL('try', import.meta.url));

/** What infra/demo/manifests says, with the edge on this port. */
export async function shopResources(edgePort: number): Promise<Resource[]> {
  const { resources, problems } = await readManifests([MANIFESTS]);
  const [first] = problems;
  if (first !== undefined) {
    throw new PartError(
      `the demo's ${first.resource} is not valid: ${first.path} ${first.message}`,
    );
  }
  return resources.map((resource) => withEdgePort(resource, edgePort));
}

function withEdgePort(resource: Resource, edgePort: number): Resource {
  if (resource.kind !== 'Gateway') return resource;
  const listeners = resource.spec.listeners.map((listener) =>
    listener.port === MANIFEST_EDGE_PORT ? { ...listener, port: edgePort } : listener,
  );
  return { ...resource, spec: { ...resource.spec, listeners } };
}

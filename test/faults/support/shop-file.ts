import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { tempDir } from '#test/parts.ts';
import * as mesh from '../../integration/proxy/mesh.ts';

/** A patient Service: what it does not answer is held, not ended. */
const TRAFFIC = {
  apiVersion: 'windrose.dev/v1',
  kind: 'TrafficPolicy',
  metadata: { name: 'echo', namespace: 'shop' },
  spec: { targetRefs: [{ kind: 'Service', name: 'echo' }], timeouts: { responseHead: '5m' } },
};

/** Resources that lead everything on a port to one application on another. */
export function shopFile(port: number, appPort: number): string {
  const file = path.join(tempDir(), 'shop.yaml');
  const { gateway, route, service, slice } = mesh;
  const resources = [
    ...[gateway([port]), service('echo'), slice('echo', appPort), route('echo', 'echo'), TRAFFIC],
  ];
  writeFileSync(file, resources.map((each) => stringify(each)).join('---\n'));
  return file;
}

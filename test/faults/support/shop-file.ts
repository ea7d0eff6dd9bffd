import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { tempDir } from '#test/parts.ts';
import * as mesh from '../../integration/proxy/mesh.ts';

/** Resources that lead everything on a port to one application on another. */
export function shopFile(port: number, appPort: number): string {
  const file = path.join(tempDir(), 'shop.yaml');
  const { gateway, route, service, slice } = mesh;
  const resources = [
    ...[gateway([port]), service('echo'), slice('echo', appPort), route('echo', 'echo')],
  ];
  writeFileSync(file, resources.map((each) => stringify(each)).join('---\n'));
  return file;
}

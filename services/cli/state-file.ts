import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RecoverRequest } from '#contracts/api/config.ts';
import { CliError, EXIT } from './errors.ts';

export type KeptState = NonNullable<RecoverRequest['from']>;

/**
 * The state of a mesh that somebody kept: the `snapshot.json` of a proxy's data directory. Throws
 * one sentence for a file that is damaged or something else.
 */
export async function readKeptState(file: string, mesh: string): Promise<KeptState> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliError(EXIT.usage, `cannot read ${file}: ${error.message}`);
  });
  return snapshotIn(text, file, mesh);
}

interface Snapshot extends KeptState {
  mesh: string;
}

/** As proxies write it: the SHA-256 of the rest, then JSON (proxy/snapshot/store.ts). */
function snapshotIn(text: string, file: string, mesh: string): KeptState {
  const line = text.indexOf('\n');
  const body = text.slice(line + 1).replace(/\n$/, '');
  const digest = createHash('sha256').update(body).digest('hex');
  if (line < 0 || !/^[0-9a-f]{64}$/.test(text.slice(0, line))) {
    throw new CliError(EXIT.usage, `${file} is no snapshot of a proxy`);
  }
  if (text.slice(0, line) !== digest) {
    throw new CliError(EXIT.failed, `${file} is damaged: it is not what its checksum says`);
  }
  const snapshot = JSON.parse(body) as Snapshot;
  if (snapshot.mesh !== mesh) {
    throw new CliError(EXIT.usage, `${file} is of the mesh ${snapshot.mesh}, not of ${mesh}`);
  }
  const { epoch, sequence, entries } = snapshot;
  return { epoch, sequence, digest: snapshot.digest, entries };
}

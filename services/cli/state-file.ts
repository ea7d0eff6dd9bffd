import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RecoverRequest } from '#contracts/api/config.ts';
import { checkBackup, isBackup } from './backup-file.ts';
import { CliError, EXIT } from './errors.ts';

export type KeptState = NonNullable<RecoverRequest['from']>;

/**
 * The state of a mesh that somebody kept: that of a backup, or the `snapshot.json` of a proxy's
 * data directory. Throws one sentence for a file that is damaged or something else.
 */
export async function readKeptState(file: string, mesh: string): Promise<KeptState> {
  const isOne = await isBackup(file).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(EXIT.usage, `cannot read ${file}: ${error.message}`);
  });
  if (isOne) return stateOfBackup(file, mesh);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliError(EXIT.usage, `cannot read ${file}: ${error.message}`);
  });
  return snapshotIn(text, file, mesh);
}

async function stateOfBackup(file: string, mesh: string): Promise<KeptState> {
  const backup = await checkBackup(file);
  refuseOther(backup.mesh, file, mesh);
  const { epoch, sequence, digest } = backup.end;
  return { epoch, sequence, digest, entries: [...backup.chain.state.entries.values()] };
}

function refuseOther(its: string, file: string, mesh: string): void {
  if (its === mesh) return;
  throw new CliError(EXIT.usage, `${file} is of the mesh ${its}, not of ${mesh}`);
}

interface Snapshot extends KeptState {
  mesh: string;
}

/**
 * As proxies write it (proxy/snapshot/store.ts): the SHA-256 of the rest and, with a credential, a
 * code that only that proxy can check; then JSON.
 */
function snapshotIn(text: string, file: string, mesh: string): KeptState {
  const line = text.indexOf('\n');
  const body = text.slice(line + 1).replace(/\n$/, '');
  const digest = createHash('sha256').update(body).digest('hex');
  const [, sum] = /^([0-9a-f]{64})(?: [0-9a-f]{64})?$/.exec(text.slice(0, Math.max(0, line))) ?? [];
  if (sum === undefined) {
    throw new CliError(EXIT.usage, `${file} is no snapshot of a proxy`);
  }
  if (sum !== digest) {
    throw new CliError(EXIT.failed, `${file} is damaged: it is not what its checksum says`);
  }
  const snapshot = JSON.parse(body) as Snapshot;
  refuseOther(snapshot.mesh, file, mesh);
  const { epoch, sequence, entries } = snapshot;
  return { epoch, sequence, digest: snapshot.digest, entries };
}

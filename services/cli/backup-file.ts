import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import {
  BACKUP_FORMAT,
  BACKUP_VERSION,
  type BackupEnd,
  type BackupStart,
  type KeptMessage,
  type KeptSecret,
} from '#contracts/backup.ts';
import { EventChain } from '#platform/config-log/chain.ts';
import { readKept } from '#platform/config-log/kept.ts';
import { CliError, EXIT } from './errors.ts';

/** A backup whose every line was read and whose chain of digests holds. */
export interface CheckedBackup {
  mesh: string;
  end: BackupEnd;
  chain: EventChain;
}

/**
 * Reads a whole backup and replays it: its checksum, every event's digest and the head must be
 * what they say. `each` gets what is kept on the way. Throws one sentence.
 */
export async function checkBackup(
  file: string,
  each: (kept: KeptMessage | KeptSecret, line: string) => Promise<void> = async () => undefined,
): Promise<CheckedBackup> {
  const hash = createHash('sha256');
  let chain: EventChain | undefined;
  let [messages, secrets] = [0, 0];
  let end: BackupEnd | undefined;
  for await (const line of linesOf(file)) {
    if (end !== undefined) throw damaged(file, 'it goes on after its end');
    const value = parse(line, file);
    if (chain === undefined) {
      chain = new EventChain(meshOf(value, file));
    } else if ('sha256' in value) {
      end = value as unknown as BackupEnd;
      if (end.sha256 !== hash.digest('hex')) throw damaged(file, 'its checksum is another');
    } else if ('secret' in value) {
      secrets += 1;
      await each(value as unknown as KeptSecret, line);
    } else {
      messages += 1;
      const message = value as unknown as KeptMessage;
      chain.take(message.sequence, readKept(message).whole);
      await each(message, line);
    }
    if (end === undefined) hash.update(`${line}\n`);
  }
  if (chain === undefined || end === undefined) throw damaged(file, 'its end is missing');
  if (end.messages !== messages || end.secrets !== secrets) {
    throw damaged(file, 'messages are missing');
  }
  if (chain.broken !== undefined) throw damaged(file, chain.broken);
  if (chain.state.digest !== end.digest || chain.epoch !== end.epoch) {
    throw damaged(file, 'it does not lead to the state that it names');
  }
  return { mesh: chain.mesh, end, chain };
}

/** True for what begins as a backup does. */
export async function isBackup(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.subarray(0, bytesRead).toString().includes(BACKUP_FORMAT);
  } finally {
    await handle.close();
  }
}

/** Writes a file that is there whole and on disk, or not at all. */
export async function writeWhole(
  file: string,
  write: (temporary: string, handle: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = `${file}.${process.pid}.partial`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await write(temporary, handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    const folder = await open(path.dirname(file), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = createReadStream(file);
  const failed = new Promise<never>((_resolve, reject) => {
    input.once('error', (error) => {
      reject(new CliError(EXIT.usage, `cannot read ${file}: ${error.message}`));
    });
  });
  failed.catch(() => undefined);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const iterator = lines[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), failed]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    lines.close();
    input.destroy();
  }
}

function parse(line: string, file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below, as for JSON that is no object.
  }
  throw damaged(file, 'a line of it cannot be read');
}

function meshOf(value: Record<string, unknown>, file: string): string {
  const { format, version, mesh } = value as Partial<BackupStart>;
  if (format !== BACKUP_FORMAT || typeof mesh !== 'string') {
    throw new CliError(EXIT.usage, `${file} is no backup of a config log`);
  }
  if (version !== BACKUP_VERSION) {
    const known = `this windrose reads version ${BACKUP_VERSION}`;
    throw new CliError(EXIT.usage, `${file} is a backup of version ${String(version)}; ${known}`);
  }
  return mesh;
}

function damaged(file: string, why: string): CliError {
  return new CliError(EXIT.failed, `${file} is damaged or was cut off: ${why}`);
}

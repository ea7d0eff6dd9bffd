import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PartError, errorCode, lastOf, sentence } from './errors.ts';
import { lock } from './lock.mjs';
import type { Progress } from './progress.ts';

/** Where downloads go and who is told. */
export interface FetchContext {
  readonly cacheDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
}

/** One thing to download: made in an empty folder, then put in its place at one stroke. */
export interface Download {
  /** What people call it. */
  readonly subject: string;
  readonly version: string;
  /** Name of the folder; differs when the content would. */
  readonly folder: string;
  /** Fills the folder. Throws a PartError when it cannot. */
  make(folder: string): Promise<void>;
}

/**
 * The folder of a download, fetched now if it is not there. Whatever interrupts it, the next
 * call starts clean: a folder under its final name is always complete, and a folder under a
 * temporary name belongs to whoever holds the lock.
 */
export async function fetchOnce(context: FetchContext, download: Download): Promise<string> {
  const place = join(context.cacheDir, download.folder);
  if (existsSync(place)) return place;
  const { progress } = context;
  const { subject, version } = download;
  makeFolder(context.cacheDir);
  const held = await lock(place, () => {
    progress({ subject, state: 'working', text: 'waiting for another windrose that fetches it' });
  });
  try {
    if (existsSync(place)) return place;
    progress({ subject, state: 'working', text: `fetching ${version}` });
    const startedAt = Date.now();
    await makeInPlace(place, download);
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
    progress({ subject, state: 'done', text: `${version} fetched in ${seconds} s` });
    return place;
  } finally {
    held.release();
  }
}

async function makeInPlace(place: string, download: Download): Promise<void> {
  const prefix = `.${basename(place)}-`;
  for (const name of readdirSync(dirname(place))) {
    if (name.startsWith(prefix)) rmSync(join(dirname(place), name), { recursive: true });
  }
  const temporary = join(dirname(place), `${prefix}${process.pid}`);
  try {
    mkdirSync(temporary);
    await download.make(temporary);
    renameSync(temporary, place);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw asPartError(error, download);
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new PartError(`${folder} cannot be made (${sentence(error)}): make it writable for you`);
  }
}

function asPartError(error: unknown, download: Download): unknown {
  if (errorCode(error) !== 'ENOSPC') return error;
  return new PartError(
    `the disk is full while ${download.subject} ${download.version} is fetched: ` +
      'free some space (1 GB is enough for all parts) and repeat the command',
  );
}

/** The sentence for a package client that failed, from what it printed. */
export function clientFailed(subject: string, client: string, output: string): PartError {
  if (/no space left|ENOSPC/i.test(output)) {
    return new PartError(
      `the disk is full while ${client} fetches ${subject}: free some space and repeat`,
    );
  }
  const unreachable = /resolve|unreachable|timed? ?out|refused|proxyconnect|connection/i;
  const why = unreachable.test(output) ? `${client} cannot reach its registry` : `${client} failed`;
  return new PartError(
    `${subject} could not be fetched: ${why}; check its set-up and network, or name your own ` +
      `server in ${VARIABLES[subject] ?? 'the environment'}. It said:\n${lastOf(output)}`,
  );
}

/** The variable that replaces each part. */
export const VARIABLES: Readonly<Record<string, string>> = {
  NATS: 'NATS_URL',
  Kafka: 'KAFKA_BROKERS',
  ClickHouse: 'CLICKHOUSE_URL',
};

import type { Readable } from 'node:stream';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Resource } from '#contracts/resources/index.ts';
import {
  ManifestError,
  type Manifests,
  parseManifests,
  readManifests,
} from '#platform/manifests.ts';
import { parseDurationMs, parseWindowMs } from '#contracts/duration.ts';
import { CliError, EXIT, usage } from './errors.ts';
import type { Io } from './io.ts';

/** Far within what a timer takes; nobody waits for longer. */
const DURATION_MAX_MS = 24 * 3_600_000;
const STDIN_CHARS_MAX = 16 * 1024 * 1024;

/** What stands in files, folders and `-` (standard input), valid or not. */
export async function readInput(io: Io, paths: readonly string[]): Promise<Manifests> {
  const files = paths.filter((path) => path !== '-');
  const found = await readFiles(files);
  if (files.length < paths.length) {
    const typed = parseManifests(await readAll(io.stdin), 'standard input');
    found.resources.push(...typed.resources);
    found.documents.push(...typed.documents);
    found.rests.push(...typed.rests);
    found.problems.push(...typed.problems);
  }
  if (found.problems.length === 0 && found.resources.length === 0) {
    const names = paths.map((path) => (path === '-' ? 'standard input' : path));
    throw usage(`there are no resources in ${names.join(', ')}`);
  }
  return found;
}

/** The resources of an input that must be valid by itself; every problem in it at once. */
export async function readResources(io: Io, paths: readonly string[]): Promise<Resource[]> {
  const found = await readInput(io, paths);
  if (found.problems.length > 0) throw notValid(found.problems);
  return found.resources;
}

/**
 * The documents of an input for the config service to judge: it finds what is wrong with each and
 * with all of them together in one answer. Text that cannot even be read is refused here.
 */
export async function readDocuments(io: Io, paths: readonly string[]): Promise<Documents> {
  const found = await readInput(io, paths);
  if (found.problems.some((problem) => problem.reason === 'unreadable')) {
    throw notValid(found.problems);
  }
  return found.documents;
}

export type Documents = Manifests['documents'];

/** Calls what the service knows only by its number by its file. */
export async function withPlaces<T>(documents: Documents, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const problems = error.problems.map((problem) => {
      const index = /^upserts\[([0-9]+)\]$/.exec(problem.resource)?.[1];
      const where = index === undefined ? undefined : documents[Number(index)]?.where;
      return where === undefined ? problem : { ...problem, resource: where };
    });
    throw new CliError(error.status, error.message, problems);
  }
}

function notValid(problems: readonly ResourceProblem[]): CliError {
  return new CliError(EXIT.invalid, 'this is not valid; nothing was sent', problems);
}

async function readFiles(files: readonly string[]): Promise<Manifests> {
  try {
    return await readManifests(files);
  } catch (error) {
    if (error instanceof ManifestError) throw new CliError(EXIT.failed, error.message);
    throw error;
  }
}

async function readAll(stdin: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.length > STDIN_CHARS_MAX) throw usage('standard input is longer than 16 MiB');
  }
  return text;
}

/** A duration as people write it: `30s`, `1m30s`. */
export function durationMs(text: string, option: string): number {
  const ms = parseDurationMs(text);
  if (Number.isNaN(ms)) throw usage(`${option} ${text} is no duration; write it like 30s or 2m`);
  if (ms <= 0 || ms > DURATION_MAX_MS) {
    throw usage(`${option} ${text} is out of range; it is more than 0s and at most 24h`);
  }
  return ms;
}

/** `a=b,c=d` as kubectl's `-l` has it; only equality. */
export function selector(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const part of text.split(',')) {
    const match = /^\s*([^=!\s]+)\s*==?\s*([^=\s]*)\s*$/.exec(part);
    if (match?.[1] === undefined) {
      throw usage(`-l ${text} is no selector; write it like app=shop,tier=edge`);
    }
    labels[match[1]] = match[2] ?? '';
  }
  return labels;
}

/** A moment: RFC 3339, or how long ago, such as `7d`. */
export function timeOf(io: Io, option: string, text: string): string {
  const agoMs = parseWindowMs(text);
  const ms = Number.isNaN(agoMs) ? Date.parse(text) : io.wallMs() - agoMs;
  if (!Number.isNaN(ms)) return new Date(ms).toISOString();
  throw usage(`${option} ${text} is no time; write it like 2026-06-01T00:00:00Z, or like 7d`);
}

import type { Readable } from 'node:stream';
import type { Resource } from '#contracts/resources/index.ts';
import { ManifestError, parseManifests, readManifests } from '#platform/manifests.ts';
import { parseDurationMs } from '#contracts/duration.ts';
import { CliError, EXIT, usage } from './errors.ts';
import type { Io } from './io.ts';

const STDIN_CHARS_MAX = 16 * 1024 * 1024;

/** The resources of files, folders and `-` (standard input); every problem in them at once. */
export async function readResources(io: Io, paths: readonly string[]): Promise<Resource[]> {
  const files = paths.filter((path) => path !== '-');
  const found = await readFiles(files);
  if (files.length < paths.length) {
    const typed = parseManifests(await readAll(io.stdin), 'standard input');
    found.resources.push(...typed.resources);
    found.problems.push(...typed.problems);
  }
  if (found.problems.length > 0) {
    throw new CliError(EXIT.invalid, 'this is not valid; nothing was sent', found.problems);
  }
  if (found.resources.length === 0) {
    throw usage(`there are no resources in ${paths.join(', ')}`);
  }
  return found.resources;
}

async function readFiles(files: readonly string[]): ReturnType<typeof readManifests> {
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

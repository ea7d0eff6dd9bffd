import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Document } from 'yaml';
import type { ResourceProblem } from '#contracts/problems.ts';
import { readResource } from '#contracts/resources/read.ts';
import { type Resource } from '#contracts/resources/index.ts';
import { canonicalJson } from './canonical.ts';
import { fileStamp } from './file-stamp.ts';
import { readPlainJson } from './json-text.ts';
import { keyOfResource } from './state.ts';
import { yaml } from './yaml.ts';

export interface Manifests {
  resources: Resource[];
  /** Every readable document as it stands there, valid or not, and how problems call its place. */
  documents: { where: string; value: unknown }[];
  /** Refused resources that are readable but for unknown fields (never to be applied). */
  rests: Resource[];
  /** Everything wrong in any of the files, all at once. */
  problems: ResourceProblem[];
}

/** A path that cannot be read at all: one sentence for a person. */
export class ManifestError extends Error {}

const EXTENSIONS = new Set(['.yaml', '.yml', '.json']);
/** YAML aliases expand at most this often: a small file cannot grow without bound. */
const ALIASES_MAX = 100;
/** An escape that may be half of a surrogate pair; nothing else in a text of UTF-8 can be one. */
const HALF_ESCAPE = /\\(?:u[dD]|U)/;

/**
 * Reads resources from files and folders (their .yaml, .yml and .json files, sorted by name,
 * recursively).
 */
export async function readManifests(paths: readonly string[]): Promise<Manifests> {
  const all: Manifests = { resources: [], documents: [], rests: [], problems: [] };
  for (const file of (await Promise.all(paths.map(listFiles))).flat()) {
    const found = parseManifests(await readText(file), file);
    all.resources.push(...found.resources);
    all.documents.push(...found.documents);
    all.rests.push(...found.rests);
    all.problems.push(...found.problems);
  }
  all.problems.push(...duplicates(all.resources));
  return all;
}

/**
 * Differs when any of the files may have changed: what `readManifests` would read, by name, inode,
 * size and times. Costs a stat a file, where reading costs milliseconds of the thread.
 */
export async function stampOf(paths: readonly string[]): Promise<string> {
  const files = (await Promise.all(paths.map(listFiles))).flat();
  const stamps = files.map(async (file) => `${file}\0${fileStamp(await stat(file))}`);
  return (await Promise.all(stamps)).join('\n');
}

/** Reads the resources of one text of YAML (several documents) or JSON; a `List` is opened. */
export function parseManifests(text: string, where: string): Manifests {
  const found: Manifests = { resources: [], documents: [], rests: [], problems: [] };
  const read = valuesOf(text);
  const values = HALF_ESCAPE.test(text) ? read.map(wellFormed) : read;
  values.forEach((value, index) => {
    const label = values.length > 1 ? `${where} (document ${index + 1})` : where;
    if (value instanceof Error) {
      const message = (value.message.split('\n')[0] ?? 'not readable').replace(/:$/, '');
      found.problems.push({ resource: label, path: '', reason: 'unreadable', message });
      return;
    }
    if (value === null || value === undefined) return;
    for (const item of itemsOf(value)) {
      const result = readResource(item, label);
      found.documents.push({ where: label, value: item });
      if (result.ok) found.resources.push(result.resource);
      else {
        found.problems.push(...result.problems);
        if (result.rest !== undefined) found.rests.push(result.rest);
      }
    }
  });
  return found;
}

/** What each document of a text says, or why it says nothing. */
function valuesOf(text: string): unknown[] {
  const plain = readPlainJson(text);
  if (plain !== undefined) return [plain.value];
  const documents = yaml().parseAllDocuments(text);
  return Array.isArray(documents) ? documents.map(valueOf) : [];
}

/** The document as plain data, or why it is none. */
function valueOf(document: Document.Parsed): unknown {
  if (document.errors[0] !== undefined) return document.errors[0];
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** The value, unless a text in it has no form in UTF-8, and so none in a digest (RFC 8785). */
function wellFormed(value: unknown): unknown {
  try {
    canonicalJson(value);
    return value;
  } catch (error) {
    return error;
  }
}

function itemsOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [value];
  const { kind, items } = value as { kind?: unknown; items?: unknown };
  return kind === 'List' && Array.isArray(items) ? items : [value];
}

function duplicates(resources: readonly Resource[]): ResourceProblem[] {
  const seen = new Set<string>();
  const problems: ResourceProblem[] = [];
  for (const resource of resources) {
    const key = keyOfResource(resource);
    if (seen.has(key)) {
      problems.push({
        resource: key,
        path: 'metadata.name',
        reason: 'duplicate',
        message: `${key} stands twice in these files`,
      });
    }
    seen.add(key);
  }
  return problems;
}

async function listFiles(target: string): Promise<string[]> {
  const info = await stat(target).catch((error: unknown) => {
    throw new ManifestError(`cannot read ${target}: ${sentenceOf(error)}`);
  });
  if (!info.isDirectory()) return [target];
  const names = await readdir(target, { recursive: true });
  return names
    .filter((name) => EXTENSIONS.has(path.extname(name)))
    .sort()
    .map((name) => path.join(target, name));
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new ManifestError(`cannot read ${file}: ${sentenceOf(error)}`);
  });
}

function sentenceOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'there is no such file or folder';
  if (code === 'EACCES') return 'permission denied';
  return error instanceof Error ? error.message : String(error);
}

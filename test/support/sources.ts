import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from '#local/install.mjs';

/** A file of the checkout, by its path from the root. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** The folders of the top level that hold our sources. */
export const SOURCE_FOLDERS = ['services', 'proxy', 'dashboards', 'infra', 'test'] as const;

/** All files of ours with one of these endings, sorted by path. */
export function sources(endings: readonly string[]): SourceFile[] {
  const present = new Set(readdirSync(ROOT));
  const files = SOURCE_FOLDERS.filter((folder) => present.has(folder)).flatMap((folder) => {
    const entries = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
  });
  const top = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isFile());
  return [...files, ...top.map((entry) => entry.name)]
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

/** The numbers of the lines that match. */
export function matchingLines(text: string, pattern: RegExp): number[] {
  return text.split('\n').flatMap((line, index) => (pattern.test(line) ? [index + 1] : []));
}

/** The same text with comments blanked out, line by line, good enough for searching. */
export function withoutComments(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/(^|\s)\/\/.*$/gm, '$1');
}

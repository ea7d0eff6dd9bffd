/**
 * Writes `boards/*.json` from the definitions beside this file:
 *
 *     node dashboards/grafana/generate.ts
 *
 * A test holds the committed files to it.
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { BOARDS } from './boards.ts';
import { renderBoard } from './render.ts';

export const BOARDS_FOLDER = new URL('boards/', import.meta.url);

/** Text of every file of `boards/`, by its name. */
export function generatedFiles(): Map<string, string> {
  const boards = Object.values(BOARDS);
  return new Map(
    Object.entries(BOARDS).map(([file, board]) => [
      file,
      `${JSON.stringify(renderBoard(board, boards), undefined, 2)}\n`,
    ]),
  );
}

if (import.meta.main) {
  const files = generatedFiles();
  for (const name of readdirSync(BOARDS_FOLDER)) {
    if (!files.has(name)) rmSync(new URL(name, BOARDS_FOLDER));
  }
  for (const [name, text] of files) {
    writeFileSync(new URL(name, BOARDS_FOLDER), text);
    process.stdout.write(`dashboards/grafana/boards/${name}\n`);
  }
}

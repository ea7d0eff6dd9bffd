import { open, rename } from 'node:fs/promises';
import path from 'node:path';

export interface ReplaceOptions {
  /** Of the new file; absent: what the process gives files. */
  mode?: number;
  /** Runs when the new file is on disk and the old one still in its place. */
  before?: () => Promise<void>;
}

/**
 * Writes a file beside the old one, on disk before it takes its place: a crash leaves either of
 * them whole.
 */
export async function replaceFile(
  file: string,
  text: string | Iterable<string>,
  { mode, before }: ReplaceOptions = {},
): Promise<void> {
  const temporary = `${file}.tmp`;
  const handle = await open(temporary, 'w', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await before?.();
  await rename(temporary, file);
  const folder = await open(path.dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

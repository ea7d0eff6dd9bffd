import { mkdir, open, rename } from 'node:fs/promises';
import path from 'node:path';

/** Writes a file beside the old one, on disk before it takes its place: a crash leaves either. */
export async function replaceFile(dir: string, name: string, text: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  const file = path.join(dir, name);
  const temporary = `${file}.tmp`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const folder = await open(dir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

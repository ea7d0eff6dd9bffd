import type { Note, NoteLevel } from '../import/notes.ts';
import { type Style, printable } from './style.ts';

const TITLES: Readonly<Record<NoteLevel, string>> = {
  lost: 'not carried over',
  differs: 'carried over with a difference',
  note: 'to know',
};

/** What an import could not carry over as it stands: the worst first, grouped by document. */
export function notesText(notes: readonly Note[], style: Style): string {
  const lines: string[] = [];
  for (const level of ['lost', 'differs', 'note'] as const) {
    const own = notes.filter((note) => note.level === level);
    if (own.length === 0) continue;
    lines.push(style.bold(`${TITLES[level]} (${own.length}):`));
    for (const where of new Set(own.map((note) => note.where))) {
      lines.push(`  ${printable(where)}`);
      for (const { path, message } of own.filter((note) => note.where === where)) {
        const at = path === '' ? '' : `${style.cyan(printable(path))}: `;
        lines.push(`    ${at}${printable(message)}`);
      }
    }
  }
  return lines.join('\n');
}

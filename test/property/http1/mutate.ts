import type { Chance } from './random.ts';

const PIECES = [
  ...[
    '\r',
    '\n',
    '\r\n',
    ' ',
    '\t',
    '\0',
    '\r\n\r\n',
    ':',
    ',',
    ';',
    '\x0b',
    '\x7f',
    '\x80',
    '"',
    '0',
  ],
  ...['\r\n ', '\n\n', '\r\r\n', '%', '_', '\x85', '\xa0', '-', '+'],
];
const LINES = [
  ...['Content-Length: 3\r\n', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n'],
  ...[
    'Transfer-Encoding: identity\r\n',
    'Host: a.example\r\n',
    'Content-Length : 3\r\n',
    ' x: y\r\n',
  ],
  ...[
    'Transfer-Encoding:\r\n chunked\r\n',
    'Content_Length: 3\r\n',
    'Transfer-Encoding\r\n',
    '\r\n',
  ],
  ...[
    'Transfer-Encoding: \x0bchunked\r\n',
    'X: y\rContent-Length: 3\r\n',
    'X: y\nContent-Length: 3\r\n',
  ],
  ...[
    'Connection: close\r\n',
    'Content-Length: 3\n',
    '0\r\n\r\n',
    'Connection: Content-Length\r\n',
  ],
];

type Mutation = (chance: Chance, text: string) => string;

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  insertPiece,
  insertPiece,
  removeByte,
  repeatByte,
  replaceMark,
  insertLine,
  swapLines,
  repeatLine,
  removeLine,
];

/** A few small faults, such as those by which two readers come to differ. */
export function mutate(chance: Chance, text: string): string {
  let mutated = text;
  const count = chance.oneOf([1, 1, 1, 2, 3]);
  for (let round = 0; round < count; round++) mutated = chance.oneOf(MUTATIONS)(chance, mutated);
  return mutated;
}

function spliced(text: string, at: number, removed: number, inserted: string): string {
  return text.slice(0, at) + inserted + text.slice(at + removed);
}

function flipBit(chance: Chance, text: string): string {
  const at = chance.below(text.length);
  const flipped = (text.charCodeAt(at) || 0) ^ (1 << chance.below(8));
  return spliced(text, at, 1, String.fromCharCode(flipped));
}

function insertPiece(chance: Chance, text: string): string {
  return spliced(text, chance.below(text.length + 1), 0, chance.oneOf(PIECES));
}

function removeByte(chance: Chance, text: string): string {
  return spliced(text, chance.below(text.length), 1, '');
}

function repeatByte(chance: Chance, text: string): string {
  const at = chance.below(text.length);
  return spliced(text, at, 0, text.slice(at, at + 1));
}

/** One of the bytes that separate: it becomes another, goes, or stands twice. */
function replaceMark(chance: Chance, text: string): string {
  const marks = [...text.matchAll(/[\r\n :\t;,]/g)].map((match) => match.index);
  if (marks.length === 0) return text;
  return spliced(text, chance.oneOf(marks), 1, chance.happens(0.3) ? '' : chance.oneOf(PIECES));
}

function linesOf(text: string): string[] {
  return text.split(/(?<=\n)/);
}

function insertLine(chance: Chance, text: string): string {
  const lines = linesOf(text);
  lines.splice(chance.below(lines.length + 1), 0, chance.oneOf(LINES));
  return lines.join('');
}

function swapLines(chance: Chance, text: string): string {
  const lines = linesOf(text);
  const [moved = ''] = lines.splice(chance.below(lines.length), 1);
  lines.splice(chance.below(lines.length + 1), 0, moved);
  return lines.join('');
}

function repeatLine(chance: Chance, text: string): string {
  const lines = linesOf(text);
  const at = chance.below(lines.length);
  lines.splice(at, 0, lines[at] ?? '');
  return lines.join('');
}

function removeLine(chance: Chance, text: string): string {
  const lines = linesOf(text);
  lines.splice(chance.below(lines.length), 1);
  return lines.join('');
}

import type { Stream } from './generate.ts';
import { type Reading, type TheirMessage, knowsMethod, readTheirs } from './llhttp.ts';
import { type Message, type OurMessage, type Outcome, readOurs } from './ours.ts';
import { looserRule, stricterRule } from './rules.ts';

export interface Verdict {
  /** What ours made of the bytes. */
  ours: 'accepted' | 'incomplete' | 'refused';
  /** The rule by which the two may differ here. */
  rule: string | undefined;
  /** How they differ though no rule allows it. */
  problem: string | undefined;
}

/**
 * Reads a stream with our grammar and with llhttp. Every message that ours accepts is one to llhttp
 * too, with the same parts and the same last byte; what ours alone refuses falls under a rule.
 */
export function compare(stream: Stream): Verdict {
  const { kind, methods, text } = stream;
  const bytes = Buffer.from(text, 'latin1');
  const ours = readOurs(kind, methods, bytes);
  const theirs = readTheirs(kind, methods, ...piecesOf(stream, bytes, ours));
  const problem = difference(ours, theirs);
  const verdict = summary(ours);
  if (problem !== undefined) {
    const rule = looserRule(stream, ours, theirs);
    return { ours: verdict, rule, problem: rule === undefined ? problem : undefined };
  }
  const isAccepted = theirs.error === undefined || theirs.messages.length > ours.messages.length;
  if (ours.refused === undefined || !isAccepted) {
    return { ours: verdict, rule: undefined, problem: undefined };
  }
  const exact = readOurs(kind, methods, bytes, [...bytes.keys()]).refused ?? ours.refused;
  const rule = stricterRule(stream, exact);
  const unknown = `no rule says why ours alone refuses: ${exact.why}, byte ${exact.at}`;
  return { ours: verdict, rule, problem: rule === undefined ? unknown : undefined };
}

function summary(ours: Outcome): Verdict['ours'] {
  if (ours.refused !== undefined) return 'refused';
  const [message] = ours.messages;
  return ours.partial === undefined && message !== undefined ? 'accepted' : 'incomplete';
}

/**
 * Every message as two pieces, all but its last byte and that byte: what llhttp completes with
 * another byte ends elsewhere. The rest follows whole. The set has the pieces that need a new
 * parser: llhttp stops at every Upgrade, while ours serves what it does not know as HTTP.
 */
function piecesOf(
  { kind }: Stream,
  bytes: Buffer,
  { messages, isClosed, partial }: Outcome,
): [Buffer[], Set<number>] {
  const pieces: Buffer[] = [];
  const fresh = new Set<number>();
  let start = 0;
  for (const message of messages) {
    const known = withKnownMethod(kind, bytes.subarray(start, message.end), message);
    pieces.push(known.subarray(0, -1), known.subarray(-1));
    if (!message.isUpgrade && kind === 'request') fresh.add(pieces.length);
    start = message.end;
  }
  if (!isClosed) {
    const rest = bytes.subarray(start);
    pieces.push(partial === undefined ? rest : withKnownMethod(kind, rest, partial));
  }
  return [pieces, onlyUpgrades(fresh, messages)];
}

/** A new parser forgets a Connection: close, so there is one only where it is needed. */
function onlyUpgrades(fresh: Set<number>, messages: readonly OurMessage[]): Set<number> {
  for (const [index, { fields }] of messages.entries()) {
    if (!fields.some((field) => field.toLowerCase() === 'upgrade')) fresh.delete(2 * index + 2);
  }
  return fresh;
}

function withKnownMethod(kind: string, bytes: Buffer, message: Message): Buffer {
  const method = message.line.slice(0, message.line.indexOf(' '));
  if (kind !== 'request' || knowsMethod(method)) return bytes;
  const at = bytes[0] === 0x0d ? 2 : 0;
  const rest = bytes.subarray(at + method.length);
  return Buffer.concat([bytes.subarray(0, at), Buffer.from('POST'), rest]);
}

function difference(ours: Outcome, theirs: Reading): string | undefined {
  for (const [index, message] of ours.messages.entries()) {
    const other = theirs.messages[index];
    if (other === undefined) {
      return `llhttp has no message ${index}: ${theirs.error ?? 'it waits for more'}`;
    }
    const part = differentPart(message, other);
    if (part !== undefined) return `message ${index}: ${part}`;
    const endsRight = message.isLast ? other.piece > 2 * index + 1 : other.piece === 2 * index + 1;
    if (!endsRight) return `message ${index} ends in piece ${other.piece}`;
  }
  const count = ours.messages.length;
  if (ours.refused !== undefined || ours.isClosed) return undefined;
  if (ours.partial === undefined) {
    return theirs.messages.length > count ? 'llhttp has one message more' : undefined;
  }
  if (theirs.messages.length > count) return 'llhttp has complete what is not complete to ours';
  if (theirs.error !== undefined) return `the last message: ${theirs.error}`;
  if (theirs.partial === undefined) return 'llhttp has not read the last head';
  return differentPart(ours.partial, theirs.partial);
}

function differentPart(ours: OurMessage, theirs: TheirMessage): string | undefined {
  if (known(ours.line) !== theirs.line) return `${ours.line} is to llhttp ${theirs.line}`;
  for (const part of ['fields', 'trailers'] as const) {
    const [a, b] = [JSON.stringify(ours[part]), JSON.stringify(theirs[part])];
    if (a !== b) return `${part} ${a} are to llhttp ${b}`;
  }
  if (ours.body === theirs.body) return undefined;
  return `body ${JSON.stringify(ours.body)} is to llhttp ${JSON.stringify(theirs.body)}`;
}

function known(line: string): string {
  const space = line.indexOf(' ');
  const isStatus = /^\d{3}$/.test(line.slice(0, space));
  return isStatus || knowsMethod(line.slice(0, space)) ? line : `POST${line.slice(space)}`;
}

/** The same difference with as few bytes as leaving some out can find. */
export function shrunk(stream: Stream): Stream {
  const same = (problem: string | undefined): string => (problem ?? '').replace(/[0-9"[].*/s, '');
  const wanted = same(compare(stream).problem);
  let { text } = stream;
  for (let size = text.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= text.length;) {
      const shorter = text.slice(0, at) + text.slice(at + size);
      const { problem } = compare({ ...stream, text: shorter });
      if (problem !== undefined && same(problem) === wanted) text = shorter;
      else at += size;
    }
  }
  return { ...stream, text };
}

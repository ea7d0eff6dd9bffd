import { NO_REVISION, parseRevision } from '#contracts/revision.ts';
import { HttpProblem } from '#platform/http.ts';
import { natsSentence } from '#platform/nats.ts';
import type { ConfigLog } from '../log/config-log.ts';
import type { IndexedChangeSet } from '../log/history.ts';
import { LATEST } from './intent.ts';

/**
 * The change-set of a revision as people write it (`42`, `1-42`, `latest`). Throws 400 when it is
 * no revision and 404 when there is none such; a revision that this service has not read yet is
 * looked for in the log first.
 */
export async function findRevision(log: ConfigLog, text: string): Promise<IndexedChangeSet> {
  const { history } = log;
  const sequence =
    text === LATEST ? history.headSequence : await findSequence(log, text, { orNone: false });
  const found = history.changeSet(sequence);
  if (found === undefined) throw noSuch(log, text);
  return found;
}

/** The sequence of a revision; 0, the state before the first, only where `orNone` allows it. */
export async function findSequence(
  log: ConfigLog,
  text: string,
  options: { orNone: boolean },
): Promise<number> {
  const { history } = log;
  const revision = parseRevision(text, history.epoch);
  if (revision === undefined) {
    throw new HttpProblem('invalid-request', `${quoted(text)} is no revision; write 42 or 1-42`);
  }
  if (revision.epoch > history.epoch) throw noSuch(log, text);
  if (revision.sequence === NO_REVISION.sequence && options.orNone) return 0;
  if (revision.sequence > history.lastSequence) await readOn(log);
  if (history.changeSet(revision.sequence)?.epoch !== revision.epoch) throw noSuch(log, text);
  return revision.sequence;
}

export function headOf(log: ConfigLog): string {
  return log.history.revisionOf(log.history.headSequence);
}

async function readOn(log: ConfigLog): Promise<void> {
  try {
    await log.catchUp();
  } catch (error) {
    throw unavailable(error);
  }
}

/** 503: the log did not answer. */
export function unavailable(error: unknown): HttpProblem {
  return new HttpProblem('unavailable', `the config log cannot be read: ${natsSentence(error)}`);
}

function noSuch(log: ConfigLog, text: string): HttpProblem {
  const empty = log.history.headSequence === 0;
  if (empty && text === LATEST) return new HttpProblem('not-found', 'there is no revision yet');
  const newest = empty ? 'there is none yet' : `newest: ${headOf(log)}`;
  return new HttpProblem('not-found', `there is no revision ${quoted(text)}; ${newest}`);
}

function quoted(text: string): string {
  if (text.trim() === '') return JSON.stringify(text);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

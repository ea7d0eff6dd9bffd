import { appendFileSync, closeSync, openSync, writeSync } from 'node:fs';
import type { ResourceChange } from '#contracts/events.ts';
import { BootstrapError } from '#platform/bootstrap.ts';
import { type Log, sentenceOf } from '#platform/log.ts';

/** One attempt to change the mesh, or to take all of it away, whatever came of it. */
export interface AuditEntry {
  /** RFC 3339. */
  time: string;
  /** Name of the token; absent when none was asked for, or none that is valid was shown. */
  token?: string;
  /** Who the request says it is from, where no token says it. */
  author?: string;
  /** Address of the peer. */
  client: string;
  action: 'write' | 'undo' | 'restore' | 'unreadable' | LogAction;
  dryRun: boolean;
  outcome: 'created' | 'unchanged' | 'checked' | 'refused' | 'done';
  /** HTTP status. */
  status: number;
  /** Of a refusal: the problem's code and sentence. */
  code?: string;
  detail?: string;
  /** The revision that was made, undone or restored. */
  revision?: string;
  asked?: string;
  message?: string;
  /** What changed or, of a refusal, what the request names; cut off after RESOURCES_MAX. */
  resources: { key: string; change?: ResourceChange['change'] }[];
  resourceCount: number;
}

/** Of the log as a whole (backup.ts and recovery.ts). */
export type LogAction = 'backup' | 'restore-log' | 'recover';

export type AuditSink = (entry: AuditEntry) => void;

const STDOUT = '-';
/** The revision in the log has them all. */
export const RESOURCES_MAX = 1_000;

/**
 * Where lines of the audit go: a file (one JSON object a line, opened anew for each, so that it may
 * be moved away at any time), `-` for standard output, or the service's own log. A line that cannot
 * be written stands in the log instead. Throws BootstrapError when the file cannot be opened.
 */
export function auditSink(target: string | undefined, log: Log): AuditSink {
  if (target === undefined) return (entry) => log.info({ audit: entry }, 'audit');
  const write = target === STDOUT ? (line: string) => writeStdout(line) : appender(target);
  return (entry) => {
    try {
      write(JSON.stringify(entry));
    } catch (error) {
      const why = sentenceOf(error);
      log.error({ audit: entry, error: why }, 'the audit log cannot be written; its line is here');
    }
  };
}

function writeStdout(line: string): void {
  writeSync(1, `${line}\n`);
}

function appender(path: string): (line: string) => void {
  try {
    closeSync(openSync(path, 'a', 0o600));
  } catch (error) {
    throw new BootstrapError(`--audit-log: ${sentenceOf(error)}`);
  }
  // A disk that is full may have taken half a line: the next one begins a line of its own.
  let isCut = false;
  return (line) => {
    const start = isCut ? '\n' : '';
    isCut = true;
    appendFileSync(path, `${start}${line}\n`, { mode: 0o600 });
    isCut = false;
  };
}

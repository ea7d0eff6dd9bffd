import type { Command } from 'commander';
import { type WriteOptions, withWriting, write } from '../changeset.ts';
import { usage } from '../errors.ts';
import type { Io } from '../io.ts';
import { addVerb } from '../verb.ts';

interface Options extends WriteOptions {
  to?: string;
}

export function addRollback(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'rollback [revision]',
    summary: 'take a change back: the last one, that of REVISION, or everything since --to',
    details: 'Either is a new revision; nothing is ever cut from the log.',
    examples: [
      'windrose rollback --wait',
      'windrose rollback 2 -m "the canary failed"',
      'windrose rollback --to 1 --dry-run',
    ],
  }).option('--to <revision>', 'restore the whole state of this revision');
  withWriting(command).action(async (revision: string | undefined, options: Options) => {
    if (revision !== undefined && options.to !== undefined) {
      throw usage('rollback takes REVISION (undo that one) or --to (restore that state), not both');
    }
    const { to } = options;
    await write(io, options, to === undefined ? { undo: revision ?? 'latest' } : { restore: to });
  });
}

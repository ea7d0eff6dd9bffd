import type { Command } from 'commander';
import { usage } from '../errors.ts';
import type { Io } from '../io.ts';
import { addVerb } from '../verb.ts';

export function addUp(program: Command, io: Io): void {
  addVerb(program, { usage: 'up', summary: 'x', examples: [] }).action(() => {
    throw usage(`later ${io.env['x']}`);
  });
}

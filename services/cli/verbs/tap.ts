import type { Command } from 'commander';
import { type Io, line, styleOf } from '../io.ts';
import { type LogRecord, recordLine } from '../output/record.ts';
import {
  type FilterOptions,
  directionOption,
  filterQuery,
  statusOption,
  withFilters,
} from '../range.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions, FilterOptions {
  proxy?: string;
  direction?: string;
  status?: string;
}

export function addTap(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'tap',
    summary: 'watch requests as they pass, until Ctrl-C',
    details: 'Each shows a few seconds after it ended, once it is stored; `logs` looks back.',
    examples: ['windrose tap --service shop/reviews-v2', 'windrose tap --status 5xx -o json'],
  })
    .option('--proxy <name>', 'written by this proxy')
    .addOption(directionOption())
    .addOption(statusOption());
  withServer(withOutput(withFilters(command))).action(async (options: Options) => {
    const client = await otherServer(io, options, 'analytics');
    const style = styleOf(io, io.out);
    const { proxy, direction, status } = options;
    const query = { ...filterQuery(options), proxy, direction, status };
    for await (const record of client.events<LogRecord>('/v1/tap', query, io.signal)) {
      line(io.out, options.output === 'table' ? recordLine(record, style) : JSON.stringify(record));
    }
  });
}

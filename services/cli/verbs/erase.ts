import type { Command } from 'commander';
import type { EraseResponse } from '#contracts/api/analytics.ts';
import { CliError, EXIT } from '../errors.ts';
import type { Io } from '../io.ts';
import { count } from '../output/format.ts';
import { print } from '../output/print.ts';
import type { RangeOptions } from '../range.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions, RangeOptions {
  clientAddress: string;
}

export function addErase(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'erase',
    summary: 'empty the address of a client in the records that are stored',
    details:
      'The records stay and are counted as before. Paths, fields and what Kafka still holds are\n' +
      'not changed. Status 5 while ClickHouse is at it: run it again to see it end.',
    examples: [
      'windrose erase --client-address 203.0.113.7',
      'windrose erase --client-address 2001:db8::7 --from 2027-01-01T00:00:00Z --to -1d',
    ],
  })
    .requiredOption('--client-address <address>', 'IPv4 or IPv6, as records have it')
    .option('--from <time>', 'RFC 3339, or relative such as -7d (default: all that is stored)')
    .option('--to <time>', 'RFC 3339, or relative (default: now)');
  withServer(withOutput(command)).action(async (options: Options) => {
    const { clientAddress, from, to } = options;
    const client = await otherServer(io, options, 'analytics');
    const body = { clientAddress, from, to };
    const found = await client.post<EraseResponse>('/v1/records/erase', body);
    const { remaining, rows } = found;
    print(io, options.output, found, () =>
      rows === 0 ? 'no record has this address' : `erased in ${count(rows - remaining, 'record')}`,
    );
    if (remaining > 0) {
      throw new CliError(
        EXIT.timeout,
        `${count(remaining, 'record')} to go: ClickHouse goes on; run this again to see it end`,
      );
    }
  });
}

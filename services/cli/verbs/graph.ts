import type { Command } from 'commander';
import type { GraphResponse } from '#contracts/api/analytics.ts';
import { type Io, styleOf } from '../io.ts';
import { freshnessText } from '../output/freshness.ts';
import { graphTree } from '../output/graph.ts';
import { troubles } from '../output/health.ts';
import { print } from '../output/print.ts';
import { type RangeOptions, withRange } from '../range.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

export function addGraph(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'graph',
    summary:
      'who calls whom, with rates, errors and p99 from the callers’ records, and how each is',
    examples: ['windrose graph', 'windrose graph --from -1h -o json'],
  });
  withServer(withOutput(withRange(command, '-1m'))).action(
    async (options: ServerOptions & OutputOptions & RangeOptions) => {
      const client = await otherServer(io, options, 'analytics');
      const { from, to } = options;
      const found = await client.get<GraphResponse>('/v1/graph', { from, to });
      const style = styleOf(io, io.out);
      print(io, options.output, found, () => {
        const foot = style.dim(freshnessText(found, found.freshness, io.wallMs()));
        const said = troubles(found, style);
        const below = said.length === 0 ? [foot] : ['', ...said, '', foot];
        return [graphTree(found, style), ...below].join('\n');
      });
    },
  );
}

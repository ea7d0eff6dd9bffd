import type { Command } from 'commander';
import type { HealthResponse, ServiceHealth } from '#contracts/api/health.ts';
import { type Io, line, styleOf } from '../io.ts';
import { freshnessText } from '../output/freshness.ts';
import { print } from '../output/print.ts';
import { type Style, printable } from '../output/style.ts';
import { table } from '../output/table.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

export function addHealth(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'health',
    summary: 'how each called service is, the worst first, and by which rule',
    details: 'By the calls of the last 5 minutes, from the callers’ side.',
    examples: ['windrose health', 'windrose health -o json'],
  });
  withServer(withOutput(command)).action(async (options: ServerOptions & OutputOptions) => {
    const client = await otherServer(io, options, 'analytics');
    const found = await client.get<HealthResponse>('/v1/health');
    const style = styleOf(io, io.out);
    print(io, options.output, found, () => textOf(found, style, io.wallMs()));
    if (found.items.length === 0 && options.output === 'table') {
      line(io.err, 'no service was called in the last day');
    }
  });
}

function textOf(found: HealthResponse, style: Style, nowMs: number): string {
  const rows = table<ServiceHealth>(
    [
      { title: 'SERVICE', value: ({ service }) => printable(service) },
      {
        title: 'STATE',
        value: ({ state }) => state.replace('_', ' '),
        paint: (text, { state }) => {
          if (state === 'failing') return style.red(text);
          return state === 'healthy' ? style.green(text) : style.yellow(text);
        },
      },
      { title: 'WHY', value: ({ message }) => printable(message) },
    ],
    found.items,
  );
  if (found.items.length === 0) return '';
  return `${rows}\n${style.dim(freshnessText(found, found.freshness, nowMs))}`;
}

import type { Command } from 'commander';
import type { ExplainRequest } from '#contracts/api/config.ts';
import type { Explanation } from '#contracts/api/explain.ts';
import { usage } from '../errors.ts';
import type { Io } from '../io.ts';
import { percent } from '../output/format.ts';
import { print } from '../output/print.ts';
import { fields, table } from '../output/table.ts';
import { type ServerOptions, configServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {
  header?: string[];
  from?: string;
  proxy?: string;
  at?: string;
}

export function addExplain(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'explain <method> <url>',
    summary: 'say which route, policies and endpoints a request would meet, and why',
    details: 'Decided by the code that serves; no request is sent.',
    examples: [
      "windrose explain GET http://127.0.0.1:7080/products -H 'x-user: beta' --proxy edge",
      'windrose explain GET http://reviews.shop/reviews/1 --from shop/storefront',
    ],
  })
    .option('-H, --header <line>', "a header, such as 'x-user: beta'", collect)
    .option('--from <workload>', 'namespace/name of the caller: its own sidecar decides')
    .option('--proxy <name>', 'as this proxy would decide')
    .option('--at <revision>', 'as of this revision');
  withServer(withOutput(command)).action(async (method: string, url: string, options: Options) => {
    const body: ExplainRequest = {
      method: method.toUpperCase(),
      url,
      headers: headersOf(options.header ?? []),
      ...(options.from === undefined ? {} : { from: options.from }),
      ...(options.proxy === undefined ? {} : { proxy: options.proxy }),
      ...(options.at === undefined ? {} : { at: options.at }),
    };
    const client = await configServer(io, options);
    const explanation = await client.post<Explanation>('/v1/explain', body);
    print(io, options.output, explanation, () => textOf(explanation));
  });
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function headersOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((text) => {
      const colon = text.indexOf(':');
      if (colon < 1) throw usage(`-H ${text} is no header; write it like 'name: value'`);
      return [text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()];
    }),
  );
}

function textOf(found: Explanation): string {
  const { match, outcome } = found;
  const head = fields([
    ['revision', found.revision],
    ['listener', listenerText(found)],
    ['request', `${found.host}${found.path}` || 'none'],
    [
      'match',
      match === undefined ? 'none' : `${match.route}, rule ${match.rule}: ${match.matched}`,
    ],
  ]);
  const parts = [head];
  if (found.lost.length > 0) {
    const lines = found.lost.map((each) => `  ${each.route}, rule ${each.rule}: ${each.why}`);
    parts.push(['not matched:', ...lines].join('\n'));
  }
  if (found.steps.length > 0) parts.push(stepsText(found.steps));
  if (found.backends.length > 0) parts.push(backendsText(found.backends));
  const status = outcome.forwarded ? 'forwarded' : `answered ${outcome.status ?? ''}`.trim();
  const reason = outcome.reason === undefined ? '' : ` (${outcome.reason})`;
  parts.push(`${status}${reason}: ${outcome.message}`);
  return parts.join('\n\n');
}

/** The doors of a sidecar are called by their direction; a Gateway's listener has its own name. */
function listenerText({ listener, direction }: Explanation): string {
  if (listener === direction) return direction;
  return `${listener || 'none'} (${direction})`;
}

function stepsText(steps: Explanation['steps']): string {
  return table(
    [
      { title: 'PHASE', value: (step) => step.phase },
      { title: 'NAME', value: (step) => step.name },
      { title: 'EFFECT', value: (step) => step.effect },
    ],
    steps,
  );
}

function backendsText(backends: Explanation['backends']): string {
  return table(
    [
      { title: 'BACKEND', value: (each) => each.backend },
      { title: 'SHARE', value: (each) => percent(each.share, 0), align: 'right' },
      {
        title: 'ENDPOINTS',
        value: (each) => each.endpoints.map((at) => `${at.address} ${at.state}`).join(', '),
      },
    ],
    backends,
  );
}

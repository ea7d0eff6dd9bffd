import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { runProgram } from '#local/program.mjs';
import { ChildExit } from '../errors.ts';
import { type Io, line } from '../io.ts';
import { addVerb, examplesText } from '../verb.ts';

const PROXY_MAIN = fileURLToPath(new URL('../../../proxy/main.mjs', import.meta.url));
const LIFELINE = fileURLToPath(new URL('../../../infra/local/lifeline.mjs', import.meta.url));

const EXAMPLES = [
  'windrose proxy --resources gateway.yaml --access-log -',
  'windrose proxy --name edge-2 --role gateway --gateway shop/edge --workers 2',
  'windrose proxy --name pay-1 --role sidecar --service shop/payments --app 127.0.0.1:8080',
  'windrose proxy --print-iptables --outbound 127.0.0.1:15001 --iptables-uid 1337',
] as const;

export function addProxy(program: Command, io: Io): void {
  addVerb(program, {
    usage: 'proxy',
    summary: 'run a proxy: gateway, sidecar, or both; `windrose proxy --help` lists its flags',
    examples: EXAMPLES,
  })
    .argument('[flags...]', 'passed on as they are')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action((_flags: string[], _options: unknown, command: Command) => runProxy(io, command.args));
}

/** The proxy is a process of its own: same terminal, same signals, same exit status. */
async function runProxy(io: Io, flags: readonly string[]): Promise<void> {
  const args = ['--no-warnings', '--import', LIFELINE, PROXY_MAIN, ...flags];
  const status = await runProgram(process.execPath, args, { env: io.env });
  if (status !== 0) throw new ChildExit(status);
  // The proxy's own help has its flags; what every verb shows beside them is said here.
  if (flags.includes('--help') || flags.includes('-h')) line(io.out, examplesText(EXAMPLES));
}

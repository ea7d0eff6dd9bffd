import { createProgram } from '../../../services/cli/program.ts';
import { VERBS } from '../../../services/cli/verbs/index.ts';
import { VERSION } from '#contracts/version.ts';
import { expect, test } from 'vitest';
import { windrose } from './harness.ts';

const verbs = (): string[] => {
  const names: string[] = [];
  for (const add of VERBS) {
    const holder = { command: (usage: string) => names.push(usage.split(' ')[0] ?? '') };
    try {
      add(holder as never, {} as never);
    } catch {
      continue; // Only the name was wanted; the rest needs a real program.
    }
  }
  return names;
};

test('--version and --help are answers, not errors', async () => {
  expect(await windrose(['--version'])).toEqual({ status: 0, out: `${VERSION}\n`, err: '' });
  const help = await windrose(['--help']);
  expect(help.status).toBe(0);
  expect(help.out).toContain('Usage: windrose');
  await expect(help.out).toMatchFileSnapshot('../../golden/cli/help.txt');
});

test('every verb has help with an example', async () => {
  expect(verbs().length).toBeGreaterThan(15);
  const others = new Set(['proxy', 'consumer', 'mesh', 'token']);
  for (const verb of verbs().filter((name) => !others.has(name))) {
    const { status, out } = await windrose([verb, '--help']);
    expect({ verb, status }).toEqual({ verb, status: 0 });
    expect(out).toMatch(new RegExp(`Examples:\\n  .*windrose .*\\b${verb}\\b`));
  }
  expect((await windrose(['consumer', 'key', '--help'])).out).toContain('windrose consumer key');
  for (const verb of ['init', 'credential', 'revoke', 'certificate']) {
    const { out } = await windrose(['mesh', verb, '--help']);
    expect(out).toMatch(new RegExp(`Examples:\\n  windrose mesh ${verb} `));
  }
  expect((await windrose(['token', 'new', '--help'])).out).toContain('windrose token new');
});

test('no arguments: the help on standard error, and status 2', async () => {
  const { status, out, err } = await windrose([]);
  expect({ status, out }).toEqual({ status: 2, out: '' });
  expect(err).toContain('Usage: windrose');
});

test.each([
  [['aply', '-f', 'x'], 'windrose: there is no verb aply; did you mean apply?\n'],
  [['rolback'], 'windrose: there is no verb rolback; did you mean rollback?\n'],
  [['xyzzyquux'], 'windrose: there is no verb xyzzyquux; `windrose --help` lists the verbs\n'],
  // None of ours.
  [['replay'], /there is no verb replay/],
  [['get'], /missing required argument 'kind'/],
  [['apply'], /required option '-f, --filename <path...>' not specified/],
  [['status', '--bogus'], /unknown option '--bogus'/],
  [['status', 'now'], /too many arguments/],
  [['get', 'svc', '-o', 'xml'], /Allowed choices are table, yaml, json/],
  [['get', 'rout'], 'windrose: there is no kind rout; did you mean route?\n'],
  [['get', 'UDPRoute'], 'windrose: this version of Windrose does not serve UDPRoute yet\n'],
  [['get', 'all', 'x'], /takes no name/],
  [['get', 'mesh', 'default', '-n', 'shop'], /a Mesh belongs to no namespace/],
  [['get', 'svc', 'a/b/c'], /write NAME or NAMESPACE\/NAME/],
  [['get', 'svc', 'a/b', '-n', 'c'], /names the namespace a, and -n c another/],
  [['import'], /missing required argument 'files'/],
  [['import', 'openapi'], /say which files/],
  [['import', 'openapi', '-', '--gateway', 'edge'], /takes --service NAMESPACE\/NAME/],
  [['import', '-', '--service', 'shop/pets:http'], /--service shop\/pets:http is no/],
  [['import', '-', '--gateway', 'a/b/c'], /--gateway a\/b\/c is no name/],
  [['import', '-', '--name', 'Pets'], /--name Pets is no name/],
  [['import', '-', '-n', 'Shop'], /-n Shop is no name of a namespace/],
  [['import', '-', '--fault-expires', 'soon'], /--fault-expires soon is neither/],
  [['rollback', '3', '--to', '2'], /not both/],
  [['apply', '-f', '-', '--prune'], /--prune needs -l/],
  [['apply', '-f', '-', '-l', 'a=b'], /-l says what --prune may delete/],
  [['apply', '-f', '-', '--prune', '-l', 'a!b'], /write it like app=shop/],
  [['wait', '3', '--timeout', 'soon'], /--timeout soon is no duration/],
  [['rollback', '--wait=soon'], /--wait soon is no duration/],
  [['rollback', '--wait=0s'], /--wait 0s is out of range; it is more than 0s/],
  [['wait', '3', '--timeout', '999h'], /--timeout 999h is out of range; .* at most 24h/],
  [['apply', '-f', 'x', '--wait', '30s'], /--wait takes its duration after .*: --wait=30s/],
  [['logs', '--status', '600'], /'600' is invalid. Write a status such as 503, or .* 5xx/],
  [['tap', '--status', 'bad'], /Write a status such as 503/],
  [['apply', '-f', '-'], 'windrose: there are no resources in standard input\n'],
  [['status', '--server', 'here:99999'], /--server here:99999 is no address/],
  [['status', '--server', 'http://127.0.0.1:99999'], /is no address/],
  [['history', '--limit', 'many'], /takes a whole number from 1 to 500/],
  [['explain', 'GET', 'http://x/', '-H', 'nonsense'], /-H nonsense is no header/],
  [['top', '--watch'], /--watch needs a terminal/],
  [['up', '--only', 'redis'], /--only redis is none of nats, kafka/],
  [['up', '--demo', '--only', 'nats'], /--demo needs everything/],
])('wrong usage %j is one sentence and status 2', async (args, message) => {
  const { status, out, err } = await windrose(args);
  expect({ status, out }).toEqual({ status: 2, out: '' });
  expect(err).toMatch(message);
  expect(err).not.toContain('    at ');
});

test('a port base that is none is wrong usage', async () => {
  const { status, err } = await windrose(['status'], { env: { WINDROSE_PORT_BASE: '80x' } });
  expect(status).toBe(2);
  expect(err).toContain('WINDROSE_PORT_BASE 80x is no base of ports');
});

test('two verbs never share a name', () => {
  const io = { out: {}, err: {} } as never;
  const names = createProgram(io, VERBS).commands.map((command) => command.name());
  expect(new Set(names).size).toBe(names.length);
});

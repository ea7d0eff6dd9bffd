import { readValues } from '#proxy/bootstrap.ts';
import { iptablesRules } from '#proxy/iptables.ts';
import { expect, test } from 'vitest';

const print = (flags: string): string =>
  iptablesRules(readValues(`--print-iptables ${flags}`.split(' '), {}));

test.each([
  [
    'both',
    '--inbound 10.0.0.5:15006 --outbound 127.0.0.1:15001 --iptables-uid 1337 ' +
      '--iptables-exclude-ports 22 9090',
  ],
  ['inbound', '--inbound 10.0.0.5:15006 --admin 0.0.0.0:9901'],
  ['outbound', '--outbound 0.0.0.0:15001 --iptables-uid 0 --iptables-exclude-ports 53,3306'],
])('the rules for %s', async (name, flags) => {
  await expect(print(flags)).toMatchFileSnapshot(`../../../golden/proxy/iptables-${name}.txt`);
});

test('every rule stands behind its chain, and what is left alone before what is sent on', () => {
  const lines = print(
    '--inbound 10.0.0.5:15006 --outbound 127.0.0.1:15001 --iptables-uid 1337',
  ).split('\n');
  expect(lines.slice(-2)).toEqual(['COMMIT', '']);
  const chains = lines.flatMap((line) => /^:(\S+) - \[0:0\]$/.exec(line)?.[1] ?? []);
  expect(chains).toEqual(['WINDROSE_INBOUND', 'WINDROSE_OUTBOUND']);
  for (const chain of chains) {
    const rules = lines.filter((line) => line.startsWith(`-A ${chain} `));
    const sent = rules.map((rule) => rule.includes('-j REDIRECT'));
    expect(sent).toEqual([...Array(rules.length - 1).fill(false), true]);
    expect(lines.filter((line) => line.endsWith(`-j ${chain}`))).toHaveLength(1);
  }
});

test.each([
  ['--role sidecar', '--outbound or --inbound is missing'],
  ['--outbound 127.0.0.1:15001', '--iptables-uid is missing'],
  ['--outbound 127.0.0.1:15001 --iptables-uid -1', '--iptables-uid'],
  ['--outbound 127.0.0.1:15001 --iptables-uid 1.5', '--iptables-uid 1.5 is no number of a user'],
  ['--outbound 10.0.0.5:15001 --iptables-uid 1', '--outbound 10.0.0.5 is not where redirected'],
  ['--inbound 10.0.0.5:1 --iptables-exclude-ports http', '--iptables-exclude-ports http is no'],
  ['--inbound 10.0.0.5:1 --iptables-exclude-ports 65536', '--iptables-exclude-ports 65536 is no'],
])('%s is refused in one sentence', (flags, sentence) => {
  expect(() => print(flags)).toThrow(sentence);
});

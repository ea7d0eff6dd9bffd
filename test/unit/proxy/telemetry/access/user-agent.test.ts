import { UserAgents } from '#proxy/telemetry/access/user-agent.ts';
import { expect, test } from 'vitest';

const CHROME =
  'Mozilla/5.0 (X11; Linux) AppleWebKit/537 (KHTML, like Gecko) Chrome/126.0 Safari/537';

test.each([
  [undefined, ''],
  ['', ''],
  ['curl/8.1', 'curl'],
  ['node', 'node'],
  ['Go-http-client/1.1', 'go'],
  ['python-requests/2.31', 'python-requests'],
  ['grpc-java-netty/1.60', 'grpc'],
  [CHROME, 'chrome'],
  [`${CHROME} Edg/126.0`, 'edge'],
  ['Mozilla/5.0 (Macintosh) AppleWebKit/605 (KHTML, like Gecko) Version/17 Safari/605', 'safari'],
  ['Mozilla/5.0 (compatible; Googlebot/2.1)', 'bot'],
  ['my own client', 'other'],
])('%s is of the family %s', (header, family) => {
  const agents = new UserAgents();
  expect(agents.familyOf(header)).toBe(family);
  expect(agents.familyOf(header)).toBe(family);
});

test('endless new user agents keep giving right answers', () => {
  const agents = new UserAgents();
  for (let i = 0; i < 5_000; i++) expect(agents.familyOf(`curl/${i}`)).toBe('curl');
  expect(agents.familyOf(`curl/${'9'.repeat(100_000)}`)).toBe('curl');
});

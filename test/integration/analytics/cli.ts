import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Ran, windrose } from '../../unit/cli/harness.ts';
import type { TestService } from './mesh.ts';

/** The command line, told by a config service where this analytics service is. */
export async function cliOf(service: TestService, ...args: string[]): Promise<Ran> {
  const config = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ mesh: 'm', addresses: { analytics: service.url } }));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void config.close());
  await once(config, 'listening');
  const { port } = config.address() as AddressInfo;
  const env = { WINDROSE_SERVER: `http://127.0.0.1:${port}` };
  return windrose(args, { env, wallMs: Date.now });
}

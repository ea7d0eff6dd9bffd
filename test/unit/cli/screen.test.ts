import { firstScreen, shortScreen } from '../../../services/cli/up/screen.ts';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const addresses = {
  NATS_URL: 'nats://127.0.0.1:21422',
  KAFKA_BROKERS: '127.0.0.1:21492',
  CLICKHOUSE_URL: 'http://127.0.0.1:21423',
};
const dataDir = join(process.cwd(), '.windrose', 'demo-21000');

const screen = (base: number, yours: ('nats' | 'kafka')[] = []): string =>
  firstScreen({
    shop: {
      urls: {
        edge: 'http://127.0.0.1:21080',
        edgeTls: 'https://127.0.0.1:21443',
        config: 'http://127.0.0.1:21400',
        analytics: 'http://127.0.0.1:21410',
        alerting: 'http://127.0.0.1:21420',
      },
      caFile: join(dataDir, 'tls', 'ca.pem'),
      logDir: '',
    },
    addresses,
    base,
    dataDir,
    keysDir: yours.includes('nats') ? undefined : join(dataDir, 'mesh'),
    yours,
  });

test('the first screen: addresses, a curl, five commands, the boards, how to stop', async () => {
  const text = screen(21_000);
  await expect(text).toMatchFileSnapshot('../../golden/cli/first-screen.txt');
  expect(text.match(/npx windrose .* {2}/g)).toHaveLength(5);
  expect(text.split('\n').every((line) => line.length <= 100)).toBe(true);
});

test('the parts of the operator are not said to be started', () => {
  expect(screen(7_000, ['nats', 'kafka'])).toMatch(
    /^\nStarted: ClickHouse\.\nYours, used as they are: NATS, Kafka\.\nStarted: config/,
  );
});

test('on the default base no variable need be set', () => {
  expect(screen(7_000)).not.toContain('WINDROSE_PORT_BASE');
});

test('without the demo only what was started is listed', () => {
  const services = { config: 'http://127.0.0.1:21400' };
  expect(shortScreen({ services, addresses, parts: ['nats'], dataDir })).toBe(
    '\nconfig:  http://127.0.0.1:21400\nnats:    nats://127.0.0.1:21422\n' +
      'Data and logs: .windrose/demo-21000. Ctrl-C stops all of it.\n',
  );
});

import { createServer } from 'node:net';
import { assertFree, demoPorts, freePorts } from '#local/ports.ts';
import { expect, onTestFinished, test } from 'vitest';

test('the ports of the demo are the documented ones, moved by the base', () => {
  const documented = {
    nats: 7422,
    kafka: 7492,
    kafkaController: 7493,
    clickhouseHttp: 7423,
    clickhouseNative: 7424,
  };
  expect(demoPorts(7000)).toEqual(documented);
  expect(demoPorts(21_000).nats).toBe(21_422);
});

test('free ports are five different ones', async () => {
  expect(new Set(Object.values(await freePorts())).size).toBe(5);
});

test('a taken port is a sentence with its number and the variable that moves it', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await expect(assertFree(port, 'NATS')).rejects.toThrow(
    `port ${port} for NATS is taken by another program: stop that program, or set ` +
      "WINDROSE_PORT_BASE (for example to 21000) to move all of Windrose's ports",
  );
});

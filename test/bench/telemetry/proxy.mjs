// @ts-check
// A proxy that is told its work as a peer is (test/bench/peer), in a mode of telemetry: one with
// resources of its own ships to no Kafka otherwise, and none records nothing.
import { join } from 'node:path';
import '../../../proxy/boot.mjs';

const { readContract } = await import('../peer/contract.ts');
const { writeResources } = await import('../peer/resources.ts');
const { KAFKA_VARIABLE, MESH, MODE_VARIABLE } = await import('./contract.ts');
const { readValues, settingsOf } = await import('../../../proxy/bootstrap.ts');
const { Proxy } = await import('../../../proxy/run.ts');
const { openStandalone } = await import('../../../proxy/standalone.ts');
const { setV8Flags } = await import('../../../proxy/v8-flags.ts');
const { Recorder } = await import('../../../proxy/telemetry/recorder.ts');
const { runMain } = await import('#platform/process.ts');

const contract = readContract(process.env);
const mode = process.env[MODE_VARIABLE];
const file = writeResources(contract);
if (mode === 'off') Recorder.prototype.record = () => undefined;

runMain('bench proxy', async () => {
  const argv = ['--resources', file, '--data-dir', join(contract.stateDir, 'data')];
  const settings = settingsOf(readValues([...argv, '--mesh', MESH], {}));
  const proxy = new Proxy(
    mode === 'on' ? { ...settings, kafkaBrokers: [process.env[KAFKA_VARIABLE] ?? ''] } : settings,
    {
      fatal: (error) => {
        throw error;
      },
      quit: () => process.kill(process.pid, 'SIGTERM'),
      say: (line) => process.stdout.write(`${line}\n`),
    },
  );
  await proxy.start((parts) => {
    setV8Flags();
    return openStandalone(parts);
  });
  return proxy;
});

// @ts-check
// Windrose as a peer of other gateways. It is told what to do in its environment (contract.ts),
// writes that down as resources, and becomes `windrose proxy --resources` in this very process:
// what it costs is what that costs. On the project's Node, as the command `windrose` does it:
//
//     WINDROSE_CMD='node_modules/.bin/node --no-warnings test/bench/peer/main.mjs'
//
// With BENCH_TIMES=1 it says on stderr how long writing the resources took.
import { join } from 'node:path';
// What is compiled for the proxy is there for this, too.
import '../../../proxy/boot.mjs';

const startedMs = performance.now();
const { readContract } = await import('./contract.ts');
const { CERTIFICATE, writeResources } = await import('./resources.ts');

const contract = readContract(process.env);
const file = writeResources(contract);
if (process.env['BENCH_TIMES'] === '1') {
  const tookMs = (performance.now() - startedMs).toFixed(1);
  process.stderr.write(`resources written after ${tookMs} ms\n`);
}

process.argv.push('--resources', file, '--data-dir', join(contract.stateDir, 'data'));
if (contract.scenario === 'full') {
  process.argv.push('--access-log', contract.accessLog);
  process.argv.push('--admin', `127.0.0.1:${contract.metricsPort}`);
}
if (contract.tls !== undefined) {
  const { cert, key } = contract.tls;
  process.argv.push('--certificates', `name=${CERTIFICATE},cert=${cert},key=${key}`);
}
await import('../../../proxy/main.mjs');

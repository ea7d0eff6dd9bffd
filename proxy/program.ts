import { flushCompileCache } from 'node:module';
import type { ProxyCredential } from '#contracts/credential.ts';
import { bootstrapHelp } from '#platform/bootstrap.ts';
import { sentenceOf } from '#platform/log.ts';
import { ExitError, runMain } from '#platform/process.ts';
import { FIELDS, PROGRAM, type Values, isStandalone, readValues, settingsOf } from './bootstrap.ts';
import { Proxy } from './run.ts';
import { setV8Flags } from './v8-flags.ts';

function fatal(error: unknown): never {
  process.stderr.write(`${PROGRAM}: ${sentenceOf(error)}\n`);
  process.exit(error instanceof ExitError ? error.status : 1);
}

async function credentialOf(values: Values): Promise<ProxyCredential | undefined> {
  if (values.credential === undefined || isStandalone(values)) return undefined;
  const { readCredential } = await import('#platform/credential.ts');
  return readCredential(values.credential);
}

runMain(PROGRAM, async () => {
  const argv = process.argv.slice(2);
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(`${bootstrapHelp(PROGRAM, FIELDS)}\n`);
    return undefined;
  }
  const values = readValues(argv, process.env);
  if (values.printIptables === true) {
    const { iptablesRules } = await import('./iptables.ts');
    process.stdout.write(iptablesRules(values));
    return undefined;
  }
  const settings = settingsOf(values, await credentialOf(values));
  const proxy = new Proxy(settings, {
    fatal,
    quit: () => process.kill(process.pid, 'SIGTERM'),
    say: (line) => process.stdout.write(`${line}\n`),
  });
  // Of the two the one that is used: NATS's library alone takes longer to load than the engine.
  const open =
    settings.resources === undefined
      ? (await import('./meshed.ts')).openMeshed
      : (await import('./standalone.ts')).openStandalone;
  await proxy.start((parts) => {
    // The admin port listens by now, for which node loads more of itself.
    setV8Flags();
    return open(parts);
  });
  // Not left to the end, for a process that is killed writes nothing then.
  flushCompileCache();
  return proxy;
});

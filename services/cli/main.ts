import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// What was stripped and compiled once is kept: a verb answers in half the time. The cache must be
// on before anything else is loaded, hence the import below.
enableCompileCache(fileURLToPath(new URL('../../.windrose/compile-cache', import.meta.url)));
const { run } = await import('./program.ts');

// `windrose logs | head` closes the pipe early: that is the reader's wish, not a failure. A
// terminal that was closed takes no more text either (EIO); its SIGHUP says what to do.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    if (error.code !== 'EIO') throw error;
  });
}

const status = await run(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  stdin: process.stdin,
  env: process.env,
  signal: new AbortController().signal,
  wallMs: Date.now,
});

// Not left to the event loop: a kept connection must not delay the prompt, and writes to files,
// terminals and (on POSIX) pipes have happened when `write` returns.
process.exit(status);

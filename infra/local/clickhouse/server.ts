/**
 * A ClickHouse server out of libchdb, in a process of its own:
 *
 *     node server.ts LIBCHDB.SO DATA_DIR HTTP_PORT NATIVE_PORT [--setting=value …]
 *
 * The library's C entry is the command line of clickhouse-local. Its query opens the server's
 * ports and then never ends, and the call blocks the thread for good, so nothing else can run
 * here: SIGTERM keeps its default action and ends the process, and what was acknowledged is on
 * the disk.
 */
import { dlopen, getRawPointer } from 'node:ffi';

const FOREVER =
  'SELECT sleepEachRow(3) FROM system.numbers FORMAT Null ' +
  'SETTINGS function_sleep_max_microseconds_per_block = 0, max_block_size = 1';

const [library = '', dataDir = '', httpPort = '', nativePort = '', ...rest] = process.argv.slice(2);
run(library, [
  'clickhouse',
  `--path=${dataDir}`,
  '--listen_host=127.0.0.1',
  `--http_port=${httpPort}`,
  `--tcp_port=${nativePort}`,
  ...rest,
  `--query=SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; ${FOREVER}`,
]);

function run(file: string, args: readonly string[]): void {
  const { functions } = dlopen(file, {
    chdb_query_cmdline: { arguments: ['i32', 'pointer'], return: 'pointer' },
  });
  // argv as C wants it: an array of pointers to strings that end in a zero byte, and a null.
  const strings = args.map((arg) => Buffer.from(`${arg}\0`));
  const argv = Buffer.alloc(8 * (strings.length + 1));
  strings.forEach((text, index) => argv.writeBigUInt64LE(getRawPointer(text), 8 * index));
  functions.chdb_query_cmdline(strings.length, getRawPointer(argv));
}

// The conformance suite h2spec against live listeners. It is a program in Go: built once
// into `.windrose/h2spec` where there is a go, and left out, with a word, where there is none.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, expect, test } from 'vitest';
import { startFront, startUpstream } from '../../unit/proxy/forward/harness.ts';
import { route, rule, service, slice } from '../../unit/proxy/support/world.ts';
import {
  CertificateFolder,
  certificates,
  httpsGateway,
  leaf,
  startEdge,
} from '../../unit/proxy/tls/edge.ts';

const MODULE = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible';
const FOLDER =
  process.env['WINDROSE_H2SPEC'] ??
  fileURLToPath(new URL('../../../.windrose/h2spec', import.meta.url));
/** Of this version, the strict ones among them: each one passes or is one of those below. */
const CASES = 146;

/** What is no preface is HTTP/1.1 on a port in the clear: it is answered with 400, then closed. */
const NO_PREFACE = 'http2/3.5: Sends invalid connection preface';
/**
 * What h2spec, which asks for RFC 7540 to the letter, sees otherwise. None of these lets anything
 * through: the frame is ignored, or the connection ends.
 */
const FAILURES: readonly string[] = [
  // nghttp2 keeps nothing of a stream that is closed, and ignores what still comes for it.
  'http2/5.1: closed: Sends a DATA frame',
  'http2/5.1: closed: Sends a DATA frame after sending RST_STREAM frame',
  'http2/5.1: closed: Sends a HEADERS frame',
  'http2/5.1: closed: Sends a HEADERS frame after sending RST_STREAM frame',
  'http2/5.1.1: Sends stream identifier that is numerically smaller than previous',
  // RFC 9113 took priorities out: nghttp2 does not look into the frames.
  'http2/5.3.1: Sends PRIORITY frame that depend on itself',
  'http2/6.3: Sends a PRIORITY frame with 0x0 stream identifier',
  // Node ends the connection at an acknowledgement of a PING that it never sent.
  'http2/6.7: Sends a PING frame with ACK',
  // Node ends the connection where resetting the stream would do.
  'http2/6.9.1: Sends multiple WINDOW_UPDATE frames ' +
    'increasing the flow control window to above 2^31-1 on a stream',
];
/**
 * h2spec writes two frames in two pieces. When the answer to the first has ended the stream before
 * the second arrives, that one comes for a closed stream, and is ignored as those above are.
 */
const FAILURES_IN_TIME: readonly string[] = [
  'http2/5.1: half closed (remote): Sends a DATA frame',
  'http2/5.1: half closed (remote): Sends a HEADERS frame',
  'http2/6.1: Sends a DATA frame on the stream that is not in ' +
    '&#34;open&#34; or &#34;half-closed (local)&#34; state',
];

interface Finished {
  status: number;
  output: string;
}

function run(program: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 16 * 1024 * 1024 };
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : 1, output: `${stdout}${stderr}` });
    });
  });
}

/** Where h2spec is, or why it is not. */
async function h2spec(): Promise<{ path: string } | { missing: string }> {
  const path = join(FOLDER, 'h2spec');
  if (existsSync(path)) return { path };
  const go = await run('go', ['version']);
  if (go.status !== 0) return { missing: 'there is no go on this machine' };
  mkdirSync(FOLDER, { recursive: true });
  const built = await run('go', ['install', MODULE], { GOBIN: FOLDER });
  if (built.status === 0 && existsSync(path)) return { path };
  return { missing: `go could not build it: ${built.output.trim().split('\n').at(-1) ?? ''}` };
}

interface Verdicts {
  passed: number;
  skipped: number;
  /** `package: description`. */
  failed: string[];
}

/** Reads the JUnit report: one `testcase` with `error` or `failure` where it did not pass. */
function readReport(xml: string): Verdicts {
  const verdicts: Verdicts = { passed: 0, skipped: 0, failed: [] };
  const cases = /<testcase package="([^"]*)" classname="([^"]*)"[^>]*?(?:\/>|>(.*?)<\/testcase>)/gs;
  for (const [, group, name, inside = ''] of xml.matchAll(cases)) {
    if (/<(?:error|failure)/.test(inside)) verdicts.failed.push(`${group ?? ''}: ${name ?? ''}`);
    else if (inside.includes('<skipped')) verdicts.skipped++;
    else verdicts.passed++;
  }
  return verdicts;
}

const found = await h2spec();
const reason = 'missing' in found ? ` (skipped: ${found.missing})` : '';

/** A listener in front of an upstream that answers every request. */
async function listening(over: string): Promise<{ port: number; flags: string[] }> {
  const upstream = await startUpstream((request, response) => {
    request.resume();
    request.once('end', () => response.end('hello'));
  });
  if (over === 'h2c') return { port: (await startFront(upstream)).port, flags: [] };
  const edge = await startEdge({
    files: new CertificateFolder().add('web', leaf(['localhost'])).files,
    resources: (port) => [
      httpsGateway(port, [{ tls: certificates('web') }]),
      service('app'),
      slice('app', ['127.0.0.1'], { ports: [{ port: upstream.endpoint.port }] }),
      route('all', { rules: [rule('/', 'app')] }),
    ],
  });
  return { port: edge.port, flags: ['--tls', '--insecure'] };
}

test.each([
  ['h2c', [...FAILURES, NO_PREFACE]],
  ['TLS', FAILURES],
] as const)(
  `h2spec over %s${reason}`,
  { timeout: 300_000 },
  async (over, failures: readonly string[]) => {
    if ('missing' in found) {
      console.log(`h2spec was skipped: ${found.missing}`);
      expect(found.missing).not.toBe('');
      return;
    }
    const { port, flags } = await listening(over);
    const folder = mkdtempSync(join(tmpdir(), 'windrose-h2spec-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const report = join(folder, 'report.xml');
    const where = ['-h', '127.0.0.1', '-p', String(port), ...flags];
    const finished = await run(found.path, [...where, '--strict', '-o', '2', '-j', report]);
    expect(existsSync(report), finished.output).toBe(true);
    const verdicts = readReport(readFileSync(report, 'utf8'));
    console.log(`h2spec: ${verdicts.passed} passed, ${verdicts.failed.length} failed`);
    const known = new Set([...failures, ...FAILURES_IN_TIME]);
    expect(
      verdicts.failed.filter((failed) => !known.has(failed)),
      finished.output,
    ).toEqual([]);
    expect(verdicts.skipped).toBe(0);
    expect(verdicts.passed + verdicts.failed.length).toBe(CASES);
  },
);

import { ADDRCONFIG, type RecordWithTtl, Resolver, lookup } from 'node:dns';

/** What became of a question for a host's addresses. */
export type DnsAnswer =
  /** Without a time to live: the system tells none. */
  | { kind: 'found'; addresses: readonly string[]; ttlMs: number | undefined }
  /** Whoever knows says that this name has no address. */
  | { kind: 'none' }
  /** Nobody says anything: DNS is away, refuses, or is broken. */
  | { kind: 'failed' };

/** Asks for all addresses of a host; calls back once. */
export type Lookup = (host: string, done: (answer: DnsAnswer) => void) => void;

const NONE: DnsAnswer = Object.freeze({ kind: 'none' });
const FAILED: DnsAnswer = Object.freeze({ kind: 'failed' });
/** NXDOMAIN, and a name that has other records. */
const NO_ADDRESS: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA']);
const TRY_MS = 1_500;
const TRIES = 2;

/** As the system finds hosts: its files, its search domains, its cache. */
export function systemLookup(host: string, done: (answer: DnsAnswer) => void): void {
  // No address of a family that this machine has none of.
  lookup(host, { all: true, hints: ADDRCONFIG }, (error, found) => {
    if (error !== null) done(answerTo(error));
    else if (found.length === 0) done(NONE);
    else done({ kind: 'found', addresses: found.map(({ address }) => address), ttlMs: undefined });
  });
}

/**
 * Asks DNS itself, which says for how long an answer is good: for IPv4 addresses, and where there
 * are none for IPv6. A name that DNS does not know may be one of this machine's: the system is
 * asked, for one name at a time, since such a question may hold one of the process's few threads
 * for long.
 *
 * `servers`: `address:port` of name servers; absent: those of the system.
 */
export function dnsLookup(servers?: readonly string[]): Lookup {
  const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  const waiting: (() => void)[] = [];
  let isAsking = false;
  const askSystem: Lookup = (host, done) => {
    const ask = (): void => {
      isAsking = true;
      systemLookup(host, (answer) => {
        isAsking = false;
        waiting.shift()?.();
        done(answer);
      });
    };
    if (isAsking) waiting.push(ask);
    else ask();
  };
  return (host, done) => {
    resolver.resolve4(host, { ttl: true }, (error4, found4) => {
      if (error4 === null && found4.length > 0) {
        done(found(found4));
        return;
      }
      resolver.resolve6(host, { ttl: true }, (error6, found6) => {
        if (error6 === null && found6.length > 0) done(found(found6));
        else askSystem(host, (answer) => done(settled(answer, error4, error6)));
      });
    });
  };
}

function found(records: readonly RecordWithTtl[]): DnsAnswer {
  return {
    kind: 'found',
    addresses: records.map(({ address }) => address),
    ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1_000,
  };
}

/** That a name is not in the system's files says nothing while DNS itself is away. */
function settled(
  answer: DnsAnswer,
  ...errors: readonly (NodeJS.ErrnoException | null)[]
): DnsAnswer {
  if (answer.kind === 'found') return answer;
  const isSaid = errors.every((error) => error === null || answerTo(error) === NONE);
  return isSaid ? NONE : FAILED;
}

function answerTo({ code = '' }: NodeJS.ErrnoException): DnsAnswer {
  return NO_ADDRESS.has(code) ? NONE : FAILED;
}

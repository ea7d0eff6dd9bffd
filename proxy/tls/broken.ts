import type { Log } from '#platform/log.ts';

/** What a worker found when it read the files of a certificate. */
export interface CertificateRead {
  name: string;
  /** Why they cannot be used; undefined: they can again. */
  problem: string | undefined;
  /** What was good before is still served. */
  isKept: boolean;
}

/** Logs what is wrong with a certificate once, however many workers read its files. */
export class BrokenCertificates {
  readonly #log: Log;
  readonly #problems = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  tell({ name, problem, isKept }: CertificateRead): void {
    if (problem === undefined) {
      this.#problems.delete(name);
      return;
    }
    if (this.#problems.get(name) === problem) return;
    this.#problems.set(name, problem);
    const message = `a certificate cannot be used${isKept ? ' and its old one is kept' : ''}`;
    this.#log.error({ certificate: name, problem }, message);
  }
}

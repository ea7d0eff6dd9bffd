import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { replaceFile } from '#platform/replace-file.ts';
import { Turns } from '#platform/turns.ts';
import { type AlertingState, emptyState } from './state.ts';

/**
 * The state on disk. A firing alert and its notification are one write, so a crash at any moment
 * leaves both or neither: a restart neither loses a page nor sends it twice. (Between a receiver's
 * acknowledgement and the write that notes it a crash repeats the notification with the same
 * notificationId; nothing can close that gap but the receiver.)
 */
export class StateFile {
  readonly #path: string;
  #state: AlertingState;
  readonly #turns = new Turns();

  private constructor(file: string, state: AlertingState) {
    this.#path = file;
    this.#state = state;
  }

  /** Reads `<dataDir>/alerts.json`, or begins empty when there is none. */
  static async open(dataDir: string, mesh: string): Promise<StateFile> {
    await mkdir(dataDir, { recursive: true });
    const file = path.join(dataDir, 'alerts.json');
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    return new StateFile(file, text === undefined ? emptyState(mesh) : parse(text, file, mesh));
  }

  /** As it is on disk; never changed in place. */
  get current(): AlertingState {
    return this.#state;
  }

  /**
   * Changes a copy, writes it and only then makes it the current one. Changes wait for each other;
   * one that cannot be written rejects and leaves everything as it was.
   */
  update<T>(change: (draft: AlertingState) => T): Promise<T> {
    return this.#turns.run(async () => {
      const draft = structuredClone(this.#state);
      const result = change(draft);
      await replaceFile(this.#path, JSON.stringify(draft));
      this.#state = draft;
      return result;
    });
  }
}

function parse(text: string, file: string, mesh: string): AlertingState {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${file} is damaged; move it away to begin without any alert`);
  }
  const state = value as Partial<AlertingState> | null;
  if (state?.version !== 1 || !Array.isArray(state.alerts) || !Array.isArray(state.outbox)) {
    throw new Error(`${file} was not written by this version of alerting`);
  }
  if (state.mesh !== mesh) {
    throw new Error(`${file} belongs to mesh ${state.mesh}, not ${mesh}; use another --data-dir`);
  }
  return state as AlertingState;
}

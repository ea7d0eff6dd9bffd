import type { Socket } from 'node:net';
import type { Step, Steps } from './case.ts';

/** Beyond every wait of a case: what has not come by then does not come. */
const WAIT_MS = 2_500;

/** Rejects, naming what was waited for, when a promise does not settle in time. */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), WAIT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What steps wait for that is not on their own connection. */
export interface Elsewhere {
  barrier(): Promise<void>;
  letGo(): Promise<void>;
}

/** One end of a connection: all that has come, and steps to be taken on it. */
export class Pipe {
  readonly socket: Socket;
  text = '';
  /** The other side sends no more. */
  ended = false;
  /** Both directions are over. */
  closed = false;
  /** We were the first to end it. */
  endedByUs = false;
  readonly #changed = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data: Buffer) => {
      this.text += data.toString('latin1');
      this.#tell();
    });
    socket.on('end', () => {
      this.ended = true;
      this.#tell();
    });
    // A reset: `close` follows and is what counts.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.ended = true;
      this.closed = true;
      this.#tell();
    });
  }

  /** Resolves when a condition holds, which is looked at after everything that happens here. */
  when(what: string, holds: () => boolean): Promise<void> {
    let check = (): void => undefined;
    const settled = new Promise<void>((resolve, reject) => {
      check = () => {
        try {
          if (holds()) resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
    });
    this.#changed.add(check);
    check();
    return within(what, settled).finally(() => this.#changed.delete(check));
  }

  /** Takes steps in their order; `from` is where what the other side says next begins. */
  async take(steps: Steps, from: number, elsewhere: Elsewhere): Promise<void> {
    for (const step of typeof steps === 'string' ? [steps] : steps) {
      await this.#step(step, from, elsewhere);
    }
  }

  async #step(step: Step, from: number, elsewhere: Elsewhere): Promise<void> {
    if (typeof step === 'string') {
      this.socket.write(step, 'latin1');
    } else if ('bytes' in step) {
      for (const byte of step.bytes) {
        this.socket.write(byte, 'latin1');
        await new Promise((resolve) => setImmediate(resolve));
      }
    } else if ('cut' in step) {
      await elsewhere.barrier();
    } else if ('letGo' in step) {
      await elsewhere.letGo();
    } else if ('until' in step) {
      const wanted = JSON.stringify(step.until);
      await this.when(wanted, () => {
        const found = this.text.includes(step.until, from);
        if (!found && this.closed) throw new Error(`closed before ${wanted}`);
        return found;
      });
    } else if ('quiet' in step) {
      const early = this.text.slice(from);
      if (early !== '') throw new Error(`came too early: ${JSON.stringify(early)}`);
    } else {
      this.endedByUs = true;
      if ('end' in step) this.socket.end();
      else this.socket.resetAndDestroy();
    }
  }

  #tell(): void {
    for (const check of this.#changed) check();
  }
}

/** One step of progress: who, how far, and a few words. */
export interface ProgressLine {
  /** What it is about: `NATS`, `Kafka`, `ClickHouse`, … */
  readonly subject: string;
  readonly state: 'working' | 'done' | 'failed';
  readonly text: string;
}

/** Takes lines of progress. */
export type Progress = (line: ProgressLine) => void;

/** Does nothing with progress. */
export const silent: Progress = () => {};

interface Out {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const MARKS = { working: '·', done: '✓', failed: '✗' } as const;

/**
 * Shows progress: on a terminal one line per subject, rewritten as it goes; elsewhere a plain
 * line per step. `end` leaves the terminal as it should be.
 */
export function showProgress(out: Out): { progress: Progress; end(): void } {
  return out.isTTY === true ? onTerminal(out) : asLines(out);
}

function asLines(out: Out): { progress: Progress; end(): void } {
  let last = '';
  return {
    progress(line) {
      const text = `${line.subject}: ${line.text}\n`;
      if (text !== last) out.write(text);
      last = text;
    },
    end: () => {},
  };
}

function onTerminal(out: Out): { progress: Progress; end(): void } {
  const lines = new Map<string, ProgressLine>();
  let drawn = 0;
  const draw = (): void => {
    if (drawn > 0) out.write(`\u001b[${drawn}A`);
    for (const line of lines.values()) {
      out.write(`\u001b[2K  ${MARKS[line.state]} ${line.subject.padEnd(11)} ${line.text}\n`);
    }
    drawn = lines.size;
  };
  return {
    progress(line) {
      lines.set(line.subject, line);
      draw();
    },
    end() {
      lines.clear();
      drawn = 0;
    },
  };
}

import type { Out } from '../io.ts';

/** One line of progress that changes. */
export interface Ticker {
  show(text: string): void;
  end(): void;
}

/** On a terminal the line is rewritten and gone in the end; elsewhere each new text is a line. */
export function createTicker(out: Out): Ticker {
  let shown = '';
  const tty = out.isTTY === true;
  return {
    show(text) {
      if (text === shown) return;
      shown = text;
      const width = out.columns ?? 80;
      const fits = text.length < width ? text : `${text.slice(0, Math.max(1, width - 2))}…`;
      out.write(tty ? `\r\u001b[2K${fits}` : `${text}\n`);
    },
    end() {
      if (tty && shown !== '') out.write('\r\u001b[2K');
      shown = '';
    },
  };
}

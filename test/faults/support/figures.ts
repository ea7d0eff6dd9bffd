import { appendFileSync } from 'node:fs';

/** Environment variable with the file to which the drill's figures go, one JSON line each. */
export const FIGURES_VARIABLE = 'WINDROSE_DRILL_FIGURES';

export interface Figure {
  /** `F11`. */
  fault: string;
  what: string;
  value: string;
}

/** For the drill's results; in `npm test` nobody asks for them. */
export function note(fault: string, what: string, value: string): void {
  const file = process.env[FIGURES_VARIABLE];
  if (file === undefined) return;
  const figure: Figure = { fault, what, value };
  appendFileSync(file, `${JSON.stringify(figure)}\n`);
}

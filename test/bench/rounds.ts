/** Of `--rounds`: a whole number from 1 to `max`. */
export function roundsOf(text: string, max: number): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > max) {
    throw new Error(`--rounds ${text} is not a number from 1 to ${max}`);
  }
  return rounds;
}

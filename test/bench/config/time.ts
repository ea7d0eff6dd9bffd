/** Milliseconds of a clock that all processes of this machine share, and nobody sets. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

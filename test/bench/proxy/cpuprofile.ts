// Self time by function, of a profile as V8 writes it with --cpu-prof.

export interface CpuProfile {
  nodes: readonly {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
  }[];
  /** Microseconds of the clock that process.hrtime has on Linux. */
  startTime: number;
  /** The node that ran, sample by sample. */
  samples: readonly number[];
  /** Microseconds since the sample before. */
  timeDeltas: readonly number[];
}

export interface SelfTime {
  name: string;
  /** File and line, or nothing for what V8 itself does. */
  where: string;
  us: number;
}

/** The most expensive first. Of the samples only those between the two times count. */
export function selfTimes(profile: CpuProfile, fromUs: number, toUs: number): SelfTime[] {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const found = new Map<string, SelfTime>();
  let atUs = profile.startTime;
  profile.samples.forEach((id, index) => {
    atUs += profile.timeDeltas[index] ?? 0;
    const frame = frames.get(id);
    if (atUs < fromUs || atUs > toUs || frame === undefined) return;
    const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
    const where = frame.url === '' ? '' : `${frame.url}:${frame.lineNumber + 1}`;
    const key = `${name} ${where}`;
    const entry = found.get(key) ?? { name, where, us: 0 };
    // A sample stands for the time until the next one.
    entry.us += profile.timeDeltas[index + 1] ?? 0;
    found.set(key, entry);
  });
  return [...found.values()].sort((a, b) => b.us - a.us);
}

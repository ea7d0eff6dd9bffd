import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { HttpProblem } from '#platform/http.ts';
import { MeshState, type StateEntry, keyOfResource } from '#platform/state.ts';

const validator = Compile(
  Type.Array(
    Type.Object({
      key: Type.String(),
      resource: Type.Object({
        kind: Type.String(),
        metadata: Type.Object({
          name: Type.String(),
          namespace: Type.Optional(Type.String()),
        }),
      }),
      createdAt: Type.Integer(),
      changedAt: Type.Integer(),
      createdTime: Type.String(),
      generation: Type.Integer(),
      minProxy: Type.Optional(Type.String()),
    }),
  ),
);

/** A whole state that somebody kept. Throws 422 unless it is exactly what the digest names. */
export function readEntries(written: unknown, sequence: number, digest: string): StateEntry[] {
  if (!validator.Check(written)) {
    throw new HttpProblem('invalid', 'these are not the resources of a mesh as its log has them');
  }
  const entries = written as unknown as StateEntry[];
  const wrong = entries.find(({ key, resource }) => keyOfResource(resource) !== key);
  if (wrong !== undefined || digestOf(entries, sequence) !== digest) {
    throw new HttpProblem('invalid', `these resources do not give the digest ${digest}`);
  }
  return entries;
}

function digestOf(entries: readonly StateEntry[], sequence: number): string | undefined {
  try {
    return MeshState.restore(entries, sequence).digest;
  } catch {
    return undefined; // A resource without canonical form: the caller refuses all of it.
  }
}

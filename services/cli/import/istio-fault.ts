import { type FaultPolicy, WINDROSE_GROUP } from '#contracts/resources/index.ts';
import type { Context, KubeObject } from './context.ts';
import { durationField } from './durations.ts';
import type { Fields } from './fields.ts';
import { type IstioParent, isMesh } from './istio-parents.ts';

/**
 * Faults as FaultPolicies, which are of a Service and expire. A fault that is not of every request
 * of the mesh's Services has no equal.
 */
export function faultPolicies(
  http: readonly Fields[],
  parents: readonly IstioParent[],
  { namespace, name }: KubeObject,
  context: Context,
): FaultPolicy[] {
  const mesh = parents.find(isMesh);
  const isWhole = http.length === 1 && parents.length === 1;
  return http.flatMap((entry) => {
    if (!entry.has('fault')) return [];
    const expires = context.options.faultExpires;
    if (expires === undefined) {
      entry.lost('fault', 'a FaultPolicy has to expire: say when with --fault-expires');
      return [];
    }
    if (!isWhole || mesh === undefined || entry.maps('match').length > 0) {
      entry.lost('fault', 'a FaultPolicy is for every request of a Service of the mesh');
      return [];
    }
    const fault = entry.map('fault');
    const [abort, delay] = [fault && abortOf(fault), fault && delayOf(fault)];
    fault?.rest();
    if (abort === undefined && delay === undefined) return [];
    return byNamespace(mesh, namespace).map(([own, services]) => ({
      apiVersion: `${WINDROSE_GROUP}/v1`,
      kind: 'FaultPolicy',
      metadata: { name: context.names.unique(`FaultPolicy/${own}`, name), namespace: own },
      spec: {
        targetRefs: services.map((service) => ({ group: '', kind: 'Service', name: service })),
        expires,
        ...(abort === undefined ? {} : { abort }),
        ...(delay === undefined ? {} : { delay }),
      },
    }));
  });
}

function abortOf(fault: Fields): FaultPolicy['spec']['abort'] {
  const abort = fault.map('abort');
  if (abort === undefined) return undefined;
  const status = abort.number('httpStatus');
  const percent = percentOf(abort);
  abort.rest();
  if (percent === 0) return undefined;
  if (status !== undefined && status >= 400 && status <= 599) return { percent, status };
  abort.notes.lost(abort.path, 'a fault answers with a status from 400 to 599');
  return undefined;
}

function delayOf(fault: Fields): FaultPolicy['spec']['delay'] {
  const delay = fault.map('delay');
  if (delay === undefined) return undefined;
  const fixed = durationField(delay, 'fixedDelay');
  const percent = percentOf(delay);
  delay.rest();
  return fixed === undefined || percent === 0 ? undefined : { percent, fixed };
}

/** Without a percentage nothing is disturbed. */
function percentOf(fields: Fields): number {
  return fields.map('percentage')?.number('value') ?? fields.number('percent') ?? 0;
}

function byNamespace({ refs }: IstioParent, from: string): [string, string[]][] {
  const services = new Map<string, string[]>();
  for (const { namespace = from, name } of refs) {
    services.set(namespace, [...(services.get(namespace) ?? []), name]);
  }
  return [...services];
}

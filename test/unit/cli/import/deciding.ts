import { type CompiledSnapshot, decide } from '#proxy/pure.ts';
import { socketTable } from '#proxy/route/sockets.ts';
import { importDocuments } from '../../../../services/cli/import/import.ts';
import type { ImportOptions } from '../../../../services/cli/import/context.ts';
import type { Note } from '../../../../services/cli/import/notes.ts';
import { World, request } from '../../proxy/support/world.ts';
import { meshAround } from './mesh-around.ts';

export interface Decided {
  /** `namespace/name:port` of the first backend; empty: none. */
  backend: string;
  rule: string;
  template: string;
}

/** What a proxy with the translation of these documents does with requests. */
export interface Translated {
  notes: Note[];
  snapshot: CompiledSnapshot;
  /** Undefined: nothing matches. */
  decide(url: string, method?: string, headers?: object): Decided | undefined;
}

export function translated(values: readonly unknown[], options: ImportOptions = {}): Translated {
  const documents = values.map((value, index) => ({ where: `document ${index + 1}`, value }));
  const { resources, notes } = importDocuments(documents, options);
  const world = new World(...meshAround(resources), ...resources);
  const { snapshot } = world;
  const sockets = socketTable(snapshot.listeners);
  return {
    notes,
    snapshot,
    decide: (url, method = 'GET', headers = {}) => {
      const { hostname, pathname, search, protocol } = new URL(url);
      const secure = protocol === 'https:';
      const view = request({
        ...{ host: hostname, path: pathname, query: search, method, headers },
        listener: secure ? ':443' : ':80',
        ...(secure ? { scheme: 'https' as const, serverName: hostname } : {}),
      });
      const decision = decide({ snapshot, sockets, service: undefined, request: view });
      if (decision.kind !== 'rule') return undefined;
      const { leadsTo, template } = decision.match;
      return { backend: leadsTo.backends[0]?.label ?? '', rule: leadsTo.rule, template };
    },
  };
}

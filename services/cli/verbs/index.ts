import type { Adder } from '../verb.ts';
import { addApply } from './apply.ts';
import { addAudit } from './audit.ts';
import { addBackup } from './backup.ts';
import { addConsumer } from './consumer.ts';
import { addDead } from './dead.ts';
import { addDelete } from './delete.ts';
import { addDiff } from './diff.ts';
import { addErase } from './erase.ts';
import { addExplain } from './explain.ts';
import { addGet } from './get.ts';
import { addGraph } from './graph.ts';
import { addHealth } from './health.ts';
import { addHistory } from './history.ts';
import { addImport } from './import.ts';
import { addLogs } from './logs.ts';
import { addMesh } from './mesh.ts';
import { addProxy } from './proxy.ts';
import { addQuery } from './query.ts';
import { addRecover } from './recover.ts';
import { addRestore } from './restore.ts';
import { addRollback } from './rollback.ts';
import { addShow } from './show.ts';
import { addSlo } from './slo.ts';
import { addStatus } from './status.ts';
import { addTap } from './tap.ts';
import { addToken } from './token.ts';
import { addTop } from './top.ts';
import { addUp } from './up.ts';
import { addValidate } from './validate.ts';
import { addWait } from './wait.ts';

/** In the order of `windrose --help`. */
export const VERBS: readonly Adder[] = [
  addUp,
  addProxy,
  addApply,
  addDelete,
  addGet,
  addDiff,
  addValidate,
  addHistory,
  addShow,
  addRollback,
  addWait,
  addStatus,
  addExplain,
  addLogs,
  addErase,
  addTap,
  addTop,
  addGraph,
  addHealth,
  addSlo,
  addAudit,
  addDead,
  addQuery,
  addImport,
  addConsumer,
  addMesh,
  addToken,
  addBackup,
  addRestore,
  addRecover,
];

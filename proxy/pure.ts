/**
 * The deciding half of the proxy as pure functions: what serves traffic also validates change-sets
 * and explains requests. The only part of the proxy that services may import.
 */
export { type CompileInput, type CompileResult, compile } from './snapshot/compile.ts';
export type {
  CompiledListener,
  CompiledRule,
  CompiledService,
  CompiledSnapshot,
  ListenerSpec,
} from './snapshot/compiled.ts';
export { socketName } from './snapshot/compiled.ts';
export { type Scope, servedListeners } from './scope.ts';
export { type Decision, type DecideInput, decide } from './route/decide.ts';
export { compilePattern } from './route/pattern.ts';
export { type ExplainDeps, explain } from './explain/explain.ts';
export { AddressRules, parseCidr } from './upstream/addresses.ts';
export type { EndpointView } from './upstream/view.ts';
export { type Live, statusOf } from './snapshot/conditions.ts';
export { notesOf } from './snapshot/notes.ts';
export { certificateUses } from './tls/problems.ts';
export { secretProblems } from './tls/secret-problems.ts';

import type { Decision } from '../../route/decide.ts';
import type { RecordRules } from './config.ts';

/** How what was decided is recorded: the narrowest TelemetryPolicy replaces the wider whole. */
export function recordRulesOf(decision: Decision): RecordRules | undefined {
  switch (decision.kind) {
    case 'rule':
      return (
        decision.match.leadsTo.records ?? decision.listener?.records ?? decision.service?.records
      );
    case 'service':
    case 'inbound':
      return decision.service.records;
    case 'none':
      return decision.listener?.records ?? decision.service?.records;
    case 'outside':
      return undefined;
    default:
      return decision satisfies never;
  }
}

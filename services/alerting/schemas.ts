/** The answers of the API as schemas, for OpenAPI; held to the contract's types below. */
import Type, { type Static } from 'typebox';
import type { AlertList, BudgetHistory, SloList, SloTest } from '#contracts/api/alerting.ts';

const Time = Type.String({ format: 'date-time' });

const SloStatusSchema = Type.Object({
  slo: Type.String({ description: 'namespace/name' }),
  service: Type.String(),
  displayName: Type.String(),
  target: Type.Number(),
  windowMs: Type.Number(),
  windowEndsAt: Type.Optional(Time),
  good: Type.Number(),
  total: Type.Number(),
  ratio: Type.Optional(Type.Number({ description: 'good ÷ total; absent without traffic' })),
  budgetLeft: Type.Number({ description: '1 untouched, 0 used up, negative when overdrawn' }),
  exhaustedInMs: Type.Optional(Type.Number({ description: 'as fast as it burns now' })),
  burnRates: Type.Array(
    Type.Object({
      policy: Type.String(),
      condition: Type.String(),
      windowMs: Type.Number(),
      rate: Type.Number(),
      threshold: Type.Number(),
    }),
  ),
  state: Type.Enum(['ok', 'pending', 'firing', 'no_traffic', 'no_data']),
  evaluatedAt: Time,
  dataUntil: Type.Optional(Time),
  problems: Type.Optional(Type.Array(Type.String())),
});

const AlertSchema = Type.Object({
  id: Type.String(),
  slo: Type.String(),
  service: Type.String(),
  policy: Type.String(),
  severity: Type.String(),
  state: Type.Enum(['firing', 'resolved']),
  startedAt: Time,
  resolvedAt: Type.Optional(Time),
  summary: Type.String(),
});

export const SloTestSchema = Type.Object({
  slo: Type.String(),
  from: Time,
  until: Time,
  stepMs: Type.Number({ description: 'what was played, step by step' }),
  good: Type.Number(),
  total: Type.Number(),
  ratio: Type.Optional(Type.Number()),
  budgetLeft: Type.Number(),
  alerts: Type.Array(
    Type.Object({
      policy: Type.String(),
      severity: Type.String(),
      startedAt: Time,
      resolvedAt: Type.Optional(Time),
      highestRate: Type.Number(),
    }),
  ),
});

export const BudgetHistorySchema = Type.Object({
  slo: Type.String(),
  target: Type.Number(),
  items: Type.Array(
    Type.Object({
      time: Time,
      good: Type.Number(),
      total: Type.Number(),
      ratio: Type.Optional(Type.Number()),
      budgetLeft: Type.Number(),
    }),
  ),
});

export const SloListSchema = Type.Object({ items: Type.Array(SloStatusSchema) });
export const AlertListSchema = Type.Object({ items: Type.Array(AlertSchema) });

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
true satisfies Same<Static<typeof SloListSchema>, SloList>;
true satisfies Same<Static<typeof AlertListSchema>, AlertList>;
true satisfies Same<Static<typeof SloTestSchema>, SloTest>;
true satisfies Same<Static<typeof BudgetHistorySchema>, BudgetHistory>;

export type * from './kafka/types.ts';

/** Each may do what the ones before it may. */
export const ROLES = ['view', 'edit', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** In a list of namespaces: all of them, and what belongs to none. */
export const ALL_NAMESPACES = '*';

/** A role, in these namespaces or in all. */
export interface RoleGrant {
  role: Role;
  namespaces: readonly string[];
}

/** Shown in logs, history and terminals. */
export const TOKEN_NAME = '^[A-Za-z0-9]([-A-Za-z0-9._@]{0,98}[A-Za-z0-9])?$';

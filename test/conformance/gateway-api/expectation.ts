// What a test of the suite demands of one request, compared as the suite compares.
import { expect } from 'vitest';
import type { Echo } from './backends.ts';
import type { Answer, Asked } from './client.ts';
import { qualified } from './manifests.ts';

interface Redirect {
  scheme?: 'http' | 'https';
  host?: string;
  /** Absent: none, or the scheme's own. */
  port?: number;
  path?: string;
}

export interface Expected {
  /** Default 200 where there is a backend. */
  status?: number | readonly number[];
  /** `name` (in `infra`) or `namespace/name` of the Service whose server answered. */
  backend?: string;
  /** What reached the server; what is absent is as the request was. */
  arrives?: {
    host?: string;
    path?: string;
    headers?: Record<string, string>;
    absent?: readonly string[];
    serverName?: string;
    clientCertificate?: string;
  };
  /** Headers that the server is asked to set. */
  sets?: Record<string, string>;
  answer?: {
    /** A list: any of these. */
    headers?: Record<string, string | readonly string[]>;
    absent?: readonly string[];
  };
  redirect?: Redirect;
}

/** A backend's name, a status, or the whole. */
export type Outcome = string | number | Expected;

export function expectedOf(outcome: Outcome): Expected {
  if (typeof outcome === 'string') return { backend: outcome };
  return typeof outcome === 'number' ? { status: outcome } : outcome;
}

/** Throws what differs, with the request that it came to. */
export function compare(asked: Asked, expected: Expected, answer: Answer, secure = false): void {
  const { host = '', method = 'GET', path = '/' } = asked;
  const label = `${method} ${host}${path} ${JSON.stringify(asked.headers ?? {})}`;
  const statuses = [expected.status ?? 200].flat();
  expect(statuses, `${label}: ${answer.status} ${answer.body}`).toContain(answer.status);
  compareHeaders(label, expected.answer ?? {}, answer.headers);
  if (expected.redirect !== undefined) {
    compareRedirect(label, asked, expected.redirect, answer, secure);
  }
  if (expected.backend === undefined) return;
  expect(answer.echo, `${label}: no answer of an echo server`).toBeDefined();
  if (answer.echo !== undefined) compareArrival(label, asked, expected, answer.echo);
}

function compareHeaders(
  label: string,
  { headers = {}, absent = [] }: NonNullable<Expected['answer']>,
  actual: Record<string, string[]>,
): void {
  for (const [name, value] of Object.entries(headers)) {
    const line = actual[name.toLowerCase()]?.join(',');
    const allowed = typeof value === 'string' ? [value] : value;
    expect(allowed, `${label}: ${name} is ${line ?? 'absent'}`).toContain(line);
  }
  for (const name of absent) expect(actual, label).not.toHaveProperty([name.toLowerCase()]);
}

export function compareArrival(label: string, asked: Asked, expected: Expected, echo: Echo): void {
  const { backend = '', arrives = {} } = expected;
  expect(`${echo.namespace}/${echo.pod}`, label).toMatch(`${qualified(backend)}-`);
  expect(echo.path, label).toBe(arrives.path ?? asked.path ?? '/');
  expect(echo.method, label).toBe(asked.method ?? 'GET');
  const host = arrives.host ?? asked.host;
  if (host !== undefined) expect(echo.host, label).toBe(host);
  for (const [name, value] of Object.entries(arrives.headers ?? asked.headers ?? {})) {
    expect(echo.headers[name.toLowerCase()]?.join(','), `${label}: ${name}`).toBe(value);
  }
  for (const name of arrives.absent ?? []) {
    expect(echo.headers, label).not.toHaveProperty([name.toLowerCase()]);
  }
  if (arrives.serverName !== undefined) {
    expect(echo.tls?.serverName, label).toBe(arrives.serverName);
  }
  if (arrives.clientCertificate !== undefined) {
    expect(echo.tls?.clientCertificate, label).toBe(arrives.clientCertificate);
  }
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

function compareRedirect(
  label: string,
  asked: Asked,
  expected: Redirect,
  { headers }: Answer,
  secure: boolean,
): void {
  const [location = ''] = headers['location'] ?? [];
  const scheme = expected.scheme ?? (secure ? 'https' : 'http');
  // A Location without an origin keeps that of the request (RFC 9110 section 10.2.2).
  const base = `${secure ? 'https' : 'http'}://${asked.host ?? 'example.org'}`;
  const url = new URL(location, base);
  expect(url.protocol, `${label}: ${location}`).toBe(`${scheme}:`);
  if (expected.host !== undefined) expect(url.hostname, label).toBe(expected.host);
  const port = expected.port ?? DEFAULT_PORTS[scheme];
  expect(Number(url.port || DEFAULT_PORTS[scheme]), `${label}: ${location}`).toBe(port);
  expect(url.pathname, `${label}: ${location}`).toBe(expected.path ?? asked.path ?? '/');
}

import { mkdirSync } from 'node:fs';
import type { Announcement } from '#contracts/events.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { type Clock, systemClock } from '#platform/clock.ts';
import { type Log, createLog, sentenceOf } from '#platform/log.ts';
import { ExitError } from '#platform/process.ts';
import { withServerFields } from '#platform/state.ts';
import { adminSocketPath } from './admin/address.ts';
import { Admin } from './admin/admin.ts';
import { ownMetrics } from './admin/own-metrics.ts';
import type { ProxySettings } from './bootstrap.ts';
import type { Fleet } from './fleet.ts';
import { localSockets } from './listener/sockets.ts';
import { LocalFleet } from './local-fleet.ts';
import { Quarantine } from './quarantine/quarantine.ts';
import { tooNew } from './quarantine/too-new.ts';
import { heldVersions } from './quarantine/words.ts';
import { announcementOf } from './sidecar.ts';
import { engineOptions, telemetryLog } from './serving.ts';
import type { Served } from './snapshot/verdict.ts';
import { lineOf } from './snapshot/files.ts';
import { WorkerFleet } from './supervisor/worker-fleet.ts';
import { mergeViews } from './upstream/view.ts';
import { renderPrometheus } from './telemetry/index.ts';

/** How this proxy stands with the config plane. */
export interface LinkState {
  connected: boolean;
  behind: number;
  /** What is wrong now, one sentence each. */
  alarms: string[];
  /** Messages and files that were not believed, since the start. */
  refused: [what: string, count: number][];
}

/** Where configuration comes from: the config plane, or files. */
export interface Source {
  /** What is in service; undefined before the first snapshot. */
  served(): Served | undefined;
  link(): LinkState | undefined;
  /** Tells the config plane that this proxy is leaving, before it stops accepting. */
  draining(): Promise<void>;
  stop(): Promise<void>;
}

/** What a source needs of the proxy that it configures. */
export interface ProxyParts {
  settings: ProxySettings;
  fleet: Fleet;
  /** Brings states into the fleet's service. */
  quarantine: Quarantine;
  clock: Clock;
  log: Log;
  announces: () => Announcement | undefined;
  /** Something came into service; the first time it makes the proxy ready. */
  served: (served: Served) => void;
  /** Ends the process: it cannot do what it was started for. */
  fatal: (error: unknown) => void;
  say: (line: string) => void;
}

/** One running proxy of any role: its workers, the source of its configuration, its admin port. */
export class Proxy {
  readonly #settings: ProxySettings;
  readonly #clock = systemClock;
  readonly #startedAtMs = Date.now();
  readonly #log: Log;
  readonly #fleet: Fleet;
  readonly #quarantine: Quarantine;
  readonly #admin: Admin;
  readonly #stopReporting = new AbortController();
  readonly #fatal: (error: unknown) => void;
  readonly #say: (line: string) => void;
  #source: Source | undefined;
  #ready = false;
  /** Problems that the log has; what stays is not said with each revision. */
  #told: ReadonlySet<string> = new Set();
  #drained: Promise<void> | undefined;

  constructor(
    settings: ProxySettings,
    options: {
      fatal: (error: unknown) => void;
      quit: () => void;
      say: (line: string) => void;
    },
  ) {
    this.#settings = settings;
    this.#fatal = options.fatal;
    this.#say = options.say;
    const { mesh, proxy } = settings.identity;
    this.#log = createLog({
      service: 'proxy',
      level: settings.logLevel,
      fields: { mesh, proxy },
    });
    mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 });
    this.#fleet = this.#createFleet();
    // Files are read by this very version.
    const reads = settings.resources === undefined ? { tooNew } : {};
    this.#quarantine = new Quarantine({ fleet: this.#fleet, log: this.#log, ...reads });
    this.#admin = new Admin(this.#adminSubject(options.quit), this.#log);
  }

  /** `open` connects the source once everything that it needs is there. */
  async start(open: (parts: ProxyParts) => Promise<Source>): Promise<void> {
    const { admin, adminToken, dataDir } = this.#settings;
    const file = adminSocketPath(dataDir);
    await this.#admin.listenUnix(file);
    if (admin !== undefined) await this.#admin.listenTcp(admin, adminToken);
    this.#log.info({ socket: file }, 'admin port');
    this.#reportCrashes({ exceptInstance: this.#settings.identity.instance });
    this.#source = await open({
      settings: this.#settings,
      fleet: this.#fleet,
      quarantine: this.#quarantine,
      clock: this.#clock,
      log: this.#log,
      announces: () => this.#announces(),
      served: (served) => this.#onServed(served),
      fatal: this.#fatal,
      say: this.#say,
    });
  }

  /** Ends what is in flight, says goodbye, sends what telemetry holds. Never rejects. */
  async stop(): Promise<void> {
    await this.drain();
    this.#stopReporting.abort();
    await this.#source?.stop();
    await this.#admin.close();
    this.#log.info('stopped');
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain().catch((error: unknown) => {
      this.#log.error({ error: sentenceOf(error) }, 'the drain did not end well');
    });
    return this.#drained;
  }

  async #drain(): Promise<void> {
    this.#log.info('draining');
    await this.#source?.draining();
    await this.#fleet.drain();
  }

  #onServed(served: Served): void {
    const own = ownProblems(served.problems);
    if (!this.#ready && own.length > 0) {
      this.#fatal(new ExitError(1, own.map((problem) => problem.message).join('; ')));
      return;
    }
    const lines = new Set(served.problems.map(lineOf));
    for (const line of lines) {
      if (!this.#told.has(line)) this.#log.warn({ revision: served.revision.sequence }, line);
    }
    this.#told = lines;
    if (this.#ready) return;
    this.#ready = true;
    this.#say('ready');
  }

  #announces(): Announcement | undefined {
    const { scope, sidecar } = this.#settings;
    if (!this.#ready || this.#drained !== undefined) return undefined;
    return announcementOf(scope.service, sidecar.inbound);
  }

  #createFleet(): Fleet {
    const settings = this.#settings;
    const log = this.#log;
    const clock = this.#clock;
    if (settings.scope.workers === 1) {
      return new LocalFleet({ ...engineOptions(settings, 0, clock, log), sockets: localSockets });
    }
    const { instance } = settings.identity;
    return new WorkerFleet({
      ...{ settings, clock, log },
      crashed: (worker) => this.#reportCrashes({ instance, worker }),
    });
  }

  /** Accounts for what died without a goodbye; in its own time, for Kafka may be away. */
  #reportCrashes(which: { exceptInstance: string } | { instance: string; worker: number }): void {
    const { kafkaBrokers, kafkaAccess, dataDir, identity } = this.#settings;
    if (kafkaBrokers === undefined || kafkaBrokers.length === 0) return;
    const reported = import('./telemetry/crash.ts').then(({ reportCrash }) =>
      reportCrash({
        ...{ mesh: identity.mesh, kafkaBrokers, kafkaAccess, dataDir, clock: this.#clock },
        log: telemetryLog(this.#log),
        signal: this.#stopReporting.signal,
        ...which,
      }),
    );
    reported.catch((error: unknown) => {
      this.#log.error({ error: sentenceOf(error) }, 'a crash could not be reported');
    });
  }

  #adminSubject(quit: () => void): ConstructorParameters<typeof Admin>[0] {
    return {
      stalled: () => this.#fleet.stalled(),
      notReady: () => {
        if (this.#drained !== undefined) return 'the proxy is draining';
        return this.#ready ? undefined : 'there is no snapshot yet';
      },
      metrics: async (format) => {
        const reports = await this.#fleet.report();
        const served = this.#source?.served();
        const own = ownMetrics(
          {
            revision: served?.revision,
            link: this.#source?.link(),
            problems: served?.problems.length ?? 0,
            draining: this.#drained !== undefined,
            startedAtMs: this.#startedAtMs,
          },
          reports,
        );
        const series = reports.map((report) => report.series);
        return renderPrometheus(series, own, format);
      },
      snapshot: () => {
        const served = this.#source?.served();
        const entries = [...this.#quarantine.entries.values()];
        return {
          revision: served?.revision ?? null,
          digest: served?.logDigest ?? null,
          problems: served?.problems ?? [],
          alarms: this.#source?.link()?.alarms ?? [],
          quarantined: served === undefined ? [] : heldVersions(this.#quarantine.held),
          resources: served === undefined ? [] : entries.map(withServerFields),
        };
      },
      status: async () => {
        const served = this.#source?.served();
        if (served === undefined) return { revision: null, resources: [] };
        const { problems, revision } = served;
        const { defaultAddress: address } = this.#settings;
        const live = { problems, address };
        const { statusesOf } = await import('./snapshot/statuses.ts');
        return { revision, resources: statusesOf(this.#quarantine.entries, revision, live) };
      },
      endpoints: async () =>
        mergeViews((await this.#fleet.report()).map((report) => report.endpoints)),
      setLogLevel: (level) => this.#fleet.setLogLevel(level),
      drain: () => void this.drain(),
      quit,
    };
  }
}

/** Those of the proxy's own addresses, not of any resource: it cannot do its work. */
function ownProblems(problems: readonly ResourceProblem[]): ResourceProblem[] {
  return problems.filter((problem) => problem.resource.startsWith('Proxy/'));
}

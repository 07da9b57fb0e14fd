import type { Settings } from "../config/settings.ts";
import {
  type OpenKatSettings,
  openKatSettings,
  type SupervisorSettings,
} from "../config/supervisor-settings.ts";
import { startJobLibrary } from "../db/job-library.ts";
import { openDatabase } from "../db/open-database.ts";
import { persistent } from "../db/persistent.ts";
import { evictOutputs } from "../db/sql/evict-outputs.ts";
import { pruneTasks } from "../db/sql/prune-tasks.ts";
import { queueDepth } from "../db/sql/queue-depth.ts";
import { openDeliveryQueue } from "../delivery/delivery-queue.ts";
import { undeliverable } from "../delivery/octopoes.ts";
import type { Run } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";
import { messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { type HttpService, type HttpServiceOptions, openHttpService } from "../http/http-service.ts";
import { retrying } from "../http/retrying.ts";
import { type Claim, openLocalQueue } from "../intake/local-queue.ts";
import { type Mula, openMula } from "../intake/mula.ts";
import { type Bytes, openBytes } from "../raw/bytes.ts";
import { openSinks } from "./open-sinks.ts";
import { runTask, type Stages } from "../run-task.ts";
import type { RunOptions } from "../sandbox/sandboxes.ts";
import type { Log } from "../telemetry/log.ts";
import { type Metrics, openMetrics } from "../telemetry/metrics.ts";
import { startOperationsServer } from "../telemetry/operations-server.ts";
import { openTraces } from "../telemetry/traces.ts";
import { Deliverer } from "./deliverer.ts";
import { deliverySteps, type Destinations } from "./delivery-plan.ts";
import { type DerivedRawBounds, tooManyRaws } from "./derived-raws.ts";
import { every } from "./every.ts";
import { FreshRuns } from "./fresh-runs.ts";
import { HeapGrowth, LARGE_OUTPUT_BYTES } from "./heap-growth.ts";
import { IntakePump } from "./intake-pump.ts";
import { watchNormalizers } from "./normalizer-watch.ts";
import { openNormalizers } from "./normalizers.ts";
import { RawFetcher } from "./raw-fetcher.ts";
import { openRawFolder } from "./raw-folder.ts";
import { reconcile } from "./reconcile.ts";
import { RunningNotices } from "./running-notices.ts";
import { resultCache } from "./result-cache.ts";
import { Supervisor } from "./supervise.ts";
import { tracer } from "./trace-events.ts";
import { workerName } from "./worker-name.ts";
import { type AnyEvent, watcher } from "./watch.ts";

/** How often the database is looked at for work that other processes left, milliseconds. */
const DATABASE_POLL_MS = 1000;
/** How long a statement is tried again while the database is away, milliseconds. */
const DATABASE_GIVE_UP_MS = 10 * 60_000;
/** How often packages are looked at for changes, and lost tasks for, milliseconds. */
const REFRESH_MS = 10_000;
/** How often is asked what is installed, milliseconds. */
const INSTALLED_POLL_MS = 2000;
const RECONCILE_MS = 60_000;
const HOUSEKEEPING_MS = 10 * 60_000;
const EVICT_MS = 10_000;
/** Of the time: it takes longer the more is kept. */
const EVICT_SHARE = 0.01;
const PRUNED_AT_ONCE = 1000;
/** How long handing back may take, milliseconds. */
const HAND_BACK_MS = 5000;
const HAND_BACK_RETRY = { attempts: 4, baseMs: 100, capMs: 1000 };
/** Connections to each of OpenKAT's services. */
const CONNECTIONS = 32;
/** At once: most of their time they wait, for a service's answer or for others to be settled with. */
const DELIVERIES = 64;

export interface RunSupervisorOptions {
  readonly settings: Settings;
  readonly supervisor: SupervisorSettings;
  readonly runOptions: RunOptions;
  /** The stages of this machine. Its catalogue opens folders; `fetch` is what it is given. */
  readonly openStages: (fetch: Stages["fetch"]) => Stages & AsyncDisposable;
  readonly version: string;
  readonly log: Log;
  /** Take no more; end what runs, within the drain time. */
  readonly drain: AbortSignal;
  /** End at once. */
  readonly stop: AbortSignal;
  /** Everything is there. */
  readonly onReady?: (ready: { readonly operationsUrl: string | null }) => void;
}

/**
 * A supervisor, from its first statement to its last: opens everything, works until it is told to end, and puts
 * everything away.
 * @throws WhiskersError `config-invalid`, `upstream-credentials`, `database-*`, `state-locked`, and what
 * opening packages throws
 */
export async function runSupervisor(options: RunSupervisorOptions): Promise<void> {
  const { settings, supervisor: config, log } = options;
  const openKat = openKatSettings(config);
  await using undo = new AsyncDisposableStack();
  const background = new AbortController();
  const onError = (error: unknown): void => {
    log.warn("database trouble", { reason: messageOf(error) });
  };

  const plain = await openDatabase({ url: config.databaseUrl, home: settings.home });
  undo.defer(() => plain.close());
  const database = persistent(plain, {
    giveUpMs: DATABASE_GIVE_UP_MS,
    onTrouble: onError,
    stop: options.stop,
  });
  const boss = await startJobLibrary(database, onError);
  undo.defer(() => boss.stop({ graceful: false, close: false }));

  const metrics = openMetrics({
    queue: () => queueDepth(database),
    sandboxes: () => machine.sandboxes.idle,
    packages: () => ({ normalizers: normalizers.ids.length, troubles: packages.troubles }),
  });
  const clients = openKat === null ? null : await connect(openKat, config, metrics, undo);
  const folder = await openRawFolder(settings.home);
  undo.defer(() => folder.close());
  const fetcher = new RawFetcher({
    bytes: clients?.bytes ?? null,
    folder: folder.path,
    maxBytes: config.rawMaxBytes,
    timeoutMs: config.rawTimeoutMs,
  });
  const machine = options.openStages((task, manifest) => Promise.resolve(fetcher.take(task, manifest)));
  undo.use(machine);
  const normalizers = await openNormalizers(config.normalizers, machine.catalogue);
  const packages = watchNormalizers({ normalizers, database, worker: workerName(), log });
  await packages.refreshWhenInstalled();
  if (clients !== null && normalizers.ids.length === 0) throw nothingToRun();
  const growth = new HeapGrowth();
  const stages: Stages = {
    ...machine,
    catalogue: normalizers,
    ...(config.cacheBytes === 0 ? {} : { results: resultCache(database, options.version, config.cacheMs) }),
    aroundReading: (bytes, work) =>
      growth.during(bytes, async () => {
        // What the one before it gave is in the database: else there would be one of each slot waiting for it.
        if (bytes >= LARGE_OUTPUT_BYTES) await supervisor.storeRoom();
        return work();
      }),
  };

  const common = { boss, claimSeconds: config.claimSeconds, onError };
  const deliveries = await openDeliveryQueue(database, { ...common, worker: workerName() });
  undo.defer(() => {
    deliveries.close();
  });
  const queue = await openLocalQueue(database, {
    ...common,
    deliver: (connection, runs) => deliveries.add(connection, runs),
  });
  undo.defer(() => queue.close());
  // The job library looks for claims of the dead when its timer fires. Processes that do not live that long
  // would never find them.
  boss.supervise().catch(onError);

  const logged = watcher(log, metrics);
  const traced = await openTracer(options, undo);
  const watch = (event: AnyEvent): void => {
    logged(event);
    traced?.(event);
  };
  const timed = AbortSignal.any([options.stop, background.signal]);
  const notices = clients === null ? null : new RunningNotices(clients.mula, timed);
  const destinations: Destinations = {
    openKat:
      clients === null
        ? null
        : {
            ...clients,
            whitelist: config.scanProfileWhitelist,
            outputRaws: config.sinks.includes("bytes"),
            errorRaws: config.errorRaws,
            quiet: async (taskId) => notices?.quiet(taskId),
            onLeft: ({ id: task }, status) => {
              log.warn("somebody else has set the task's status, and it stays", { task, status });
            },
          },
    sinks: openSinks(config, database, settings.home),
  };
  const toOctopoes = config.sinks.includes("octopoes");
  const bounds = {
    number: config.derivedMaxFiles,
    bytes: config.derivedMaxBytes,
    depth: config.derivedMaxDepth,
  };
  const fresh = new FreshRuns();
  const deliverer = new Deliverer({
    queue: deliveries,
    fresh,
    steps: (run, verdict, so) => deliverySteps(run, verdict, so, destinations),
    lanes: DELIVERIES,
    pollMs: DATABASE_POLL_MS,
    giveUpMs: config.giveUpMs,
    onEvent: watch,
    drain: background.signal,
    stop: options.stop,
  });
  const supervisor = new Supervisor({
    queue,
    fresh,
    slots: config.slots,
    whenEmpty: "wait",
    pollMs: DATABASE_POLL_MS,
    maxStarts: config.attempts,
    drain: options.drain,
    stop: options.stop,
    run: (task, signal) => runChecked(task, stages, options.runOptions, { bounds, toOctopoes }, signal),
    onEvent: (event) => {
      watch(event);
      if (event.type === "started" && event.task.origin === "mula") {
        const claim = { taskId: event.task.id, package: event.task.package, lost: event.lost };
        notices?.begin(event.task.id, () => queue.holds(claim));
      }
      if (event.type === "finished" || event.type === "refused") notices?.end(event.task.id);
      if (event.type === "finished" && event.retryAfterSeconds === null) deliverer.wake();
      if (event.type === "finished" || event.type === "refused") if (supervisor.room > 0) pump?.wake();
    },
    prefetch: {
      lanes: config.slots + 4,
      giveUpMs: config.giveUpMs,
      canRun: (reference) => normalizers.has(reference),
      hasRoom: () => fetcher.hasRoom,
      fetch: (task, signal) => fetcher.fetch(task, signal),
      forget: (taskId) => fetcher.forget(taskId),
    },
    giveBack: async (claims) => {
      await giveBack(claims);
    },
  });
  const pump =
    clients === null
      ? null
      : new IntakePump({
          mula: clients.mula,
          queue,
          normalizerIds: () => normalizers.ids,
          room: () => supervisor.room,
          announce: (count) => {
            supervisor.announce(count);
          },
          pollMs: config.pollMs,
          onEvent: watch,
          drain: options.drain,
          stop: options.stop,
        });
  const giveBack = async (claims: readonly Claim[]): Promise<void> => {
    // What this process has taken from the scheduler, and nobody has claimed yet, goes back too.
    const rest = await queue.take(config.slots * 16);
    const ids = await queue.withdraw([...claims, ...rest]);
    if (clients === null || ids.length === 0) return;
    // Also after a second signal: it does not take long.
    const soon = AbortSignal.timeout(HAND_BACK_MS);
    const told = ids.map((id) =>
      retrying(HAND_BACK_RETRY, soon, () => clients.mula.setStatus(id, "queued", soon)).catch(
        (error: unknown) => {
          const reason = messageOf(error);
          log.warn("a task could not be handed back; it is found again later", { task: id, reason });
        },
      ),
    );
    await Promise.all(told);
    log.info("tasks handed back to the scheduler", { count: ids.length });
  };

  const again = {
    signal: timed,
    onError: (error: unknown) => {
      // Of a service that is away; that is told by whoever asks it.
      if (error instanceof WhiskersError) return;
      log.error("background work failed; it is done again", { reason: messageOf(error) });
    },
  };
  const periodic = [
    every({ ...again, ms: REFRESH_MS }, () => packages.refresh()),
    every({ ...again, ms: INSTALLED_POLL_MS }, () => packages.refreshWhenInstalled()),
    every({ ...again, ms: HOUSEKEEPING_MS }, async () => {
      await folder.sweep();
      // Also where none is kept any more: what was lies there.
      if (config.cacheBytes === 0) await evictOutputs(database, Infinity, config.cacheMs);
      while ((await pruneTasks(database, config.keepMs, PRUNED_AT_ONCE)) === PRUNED_AT_ONCE) {
        if (timed.aborted) return;
      }
    }),
  ];
  if (config.cacheBytes > 0) {
    const evict = async (): Promise<void> => {
      await evictOutputs(database, config.cacheBytes, config.cacheMs);
    };
    periodic.push(every({ ...again, ms: EVICT_MS, atOnce: true, mostShare: EVICT_SHARE }, evict));
  }
  if (clients !== null && config.reconcileAfterMs > 0) {
    const { mula } = clients;
    const look = async (): Promise<void> => {
      const found = await reconcile({
        mula,
        queue,
        normalizerIds: normalizers.ids,
        afterMs: config.reconcileAfterMs,
        signal: timed,
      });
      for (const id of found.requeued) log.warn("a task that nobody knew of was queued again", { task: id });
      for (const id of found.told) log.warn("the end of a task was told again", { task: id });
    };
    periodic.push(every({ ...again, ms: RECONCILE_MS, atOnce: true }, look));
  }
  let operationsUrl: string | null = null;
  if (config.operationsPort !== null) {
    const server = await startOperationsServer({
      host: config.operationsHost,
      port: config.operationsPort,
      version: options.version,
      metrics,
      notReady: () => {
        if (options.drain.aborted) return "draining";
        const failure = pump?.failure ?? null;
        return failure === null ? null : messageOf(failure);
      },
    });
    undo.defer(() => server.close());
    operationsUrl = server.url;
  }
  options.onReady?.({ operationsUrl });

  try {
    const delivering = deliverer.run();
    delivering.catch(() => {});
    const results = await Promise.allSettled([supervisor.run(), pump?.run()]);
    background.abort();
    const ended = [...results, ...(await Promise.allSettled([delivering]))];
    for (const one of ended) if (one.status === "rejected") throw one.reason;
  } finally {
    background.abort();
    await Promise.all(periodic);
  }
}

function nothingToRun(): WhiskersError {
  const message =
    "WHISKERS_NORMALIZERS is not set and nothing is installed: there is nothing to run; name package folders or images there, or install an image in this database: whiskers install REFERENCE";
  return new WhiskersError("config-invalid", message);
}

/** Null: nobody wants traces. */
async function openTracer(
  { supervisor: { spanEndpoint: endpoint }, version, log }: RunSupervisorOptions,
  undo: AsyncDisposableStack,
): Promise<((event: AnyEvent) => void) | null> {
  if (endpoint === null) return null;
  const traces = await openTraces({ endpoint, version, log });
  undo.defer(() => traces.close());
  return tracer(traces);
}

interface Clients {
  readonly mula: Mula;
  readonly bytes: Bytes;
  readonly octopoes: HttpService | null;
}

/** @throws WhiskersError `upstream-credentials` when Bytes refuses ours; a service that is away is waited for later */
async function connect(
  openKat: OpenKatSettings,
  { requestTimeoutMs: timeoutMs }: SupervisorSettings,
  metrics: Metrics,
  undo: AsyncDisposableStack,
): Promise<Clients> {
  const onFailure: HttpServiceOptions["onFailure"] = (failure) => {
    metrics.countUpstreamError(failure);
  };
  const open = (name: string, baseUrl: string): HttpService => {
    const service = openHttpService({ name, baseUrl, timeoutMs, connections: CONNECTIONS, onFailure });
    undo.defer(() => service.close());
    return service;
  };
  const bytes = openBytes(open("Bytes", openKat.bytesApi), {
    username: openKat.bytesUsername,
    password: openKat.bytesPassword,
  });
  try {
    await bytes.listRaws({ limit: 1 }, AbortSignal.timeout(timeoutMs));
  } catch (error) {
    if (error instanceof WhiskersError && error.code === "upstream-credentials") throw error;
  }
  return {
    mula: openMula(open("Mula", openKat.schedulerApi)),
    bytes,
    octopoes: openKat.octopoesApi === null ? null : open("Octopoes", openKat.octopoesApi),
  };
}

/** A run whose results could not be delivered, whatever the services say, has failed. */
async function runChecked(
  task: Task,
  stages: Stages,
  options: RunOptions,
  { bounds, toOctopoes }: { readonly bounds: DerivedRawBounds; readonly toOctopoes: boolean },
  signal: AbortSignal,
): Promise<Run> {
  const run = await runTask(task, stages, options, signal);
  if (run.outcome.status === "failed" || task.origin === undefined || task.rawData === undefined) return run;
  const meta = {
    id: task.id,
    raw_data: task.rawData,
    normalizer: run.record.normalizer,
    started_at: "",
    ended_at: null,
  };
  const reason =
    (toOctopoes ? undeliverable(meta, run.records) : null) ?? tooManyRaws(task.rawData, run.records, bounds);
  if (reason === null) return run;
  return { ...run, outcome: { status: "failed", code: "invalid-output", message: reason } };
}

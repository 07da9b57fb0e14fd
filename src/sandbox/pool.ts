import type { Limits } from "../domain/limits.ts";
import type { Usage } from "../domain/outcome.ts";
import { isPlain } from "../domain/package.ts";
import type { StatePolicy } from "../domain/package.ts";
import { WhiskersError } from "../errors.ts";
import type { Driver, OpenRequest, Prepared, Sandbox } from "./driver.ts";
import { GuestLink } from "./guest-link.ts";
import type { Link } from "./link.ts";
import { PlainLink } from "./plain-link.ts";
import { readUsage } from "./read-usage.ts";
import { within } from "./within.ts";

/** How long a caller waits for a sandbox to be taken down; after that it goes on in the background. */
const CLOSE_WAIT_MS = 500;
/** A `reuse` guest that came this near to its memory limit is not used again. */
const RECYCLE_MEMORY_SHARE = 0.8;
/** From the end of a fresh run until the next of its kind is opened ahead: what the run gave goes first. */
const AHEAD_DELAY_MS = 2;

export interface PoolOptions {
  /**
   * What idle sandboxes may hold together, bytes. One counts with the highest use that was measured
   * of it, or with its memory limit where its driver cannot measure.
   */
  readonly memoryBudgetBytes: number;
  readonly maxIdle: number;
  /** An idle sandbox is closed after this time, milliseconds. */
  readonly idleMs: number;
  /** A sandbox is closed after this many runs: bounds what leaks in a guest may grow to. */
  readonly maxRuns: number;
}

export const DEFAULT_POOL_OPTIONS: PoolOptions = Object.freeze({
  memoryBudgetBytes: 1024 * 1024 * 1024,
  maxIdle: 32,
  idleMs: 60_000,
  maxRuns: 10_000,
});

export interface LeaseRequest {
  readonly driver: Driver;
  readonly prepared: Prepared;
  readonly limits: Limits;
  readonly state: StatePolicy;
  readonly files: OpenRequest["files"];
}

/** The right to use one sandbox for one run. */
export interface Lease {
  readonly sandbox: Sandbox;
  /** `idle` when warm, else `opening` (or `idle` already: the plain form has no opening). */
  readonly link: Link;
  readonly warm: boolean;
  /** CPU time that earlier runs of this sandbox used, milliseconds. */
  readonly cpuMsBefore: number;
  /** The pool calls it when it is closed while the run is under way. */
  onCancel: (() => void) | null;
  /**
   * Gives the sandbox back. `keep` asks to use it again, which the pool grants to guests that are
   * ready again; anything else is closed. Resolves when that is done, or after 500 ms.
   */
  release(keep: boolean, usage: Usage): Promise<void>;
}

interface Entry {
  readonly key: string;
  readonly request: LeaseRequest;
  readonly sandbox: Sandbox;
  readonly link: Link;
  readonly limits: Limits;
  readonly state: StatePolicy;
  runs: number;
  cpuMs: number;
  /** Highest use that was measured; null while the driver cannot tell. */
  peakBytes: number | null;
  idleSinceMs: number;
}

export function openPool(options: PoolOptions): Pool {
  return new Pool(options);
}

/**
 * Warm sandboxes, and fresh ones that were opened ahead. One is handed out only to runs with the same driver, package, environment, limits
 * and state policy, and only while its guest is idle. Least recently used ones are closed first when
 * there are too many, or when they hold too much memory together.
 */
export class Pool {
  readonly #options: PoolOptions;
  /** All idle ones, longest idle first. */
  readonly #idle = new Set<Entry>();
  readonly #idleByKey = new Map<string, Entry[]>();
  #idleBytes = 0;
  readonly #leases = new Set<Lease>();
  /** By key: sandboxes in use, and those that are to be opened ahead. */
  readonly #inUse = new Map<string, number>();
  readonly #ahead = new Map<string, number>();
  /** Openings and closings under way. */
  readonly #pending = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #sweepTimer: NodeJS.Timeout | null = null;
  #released: (() => void) | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** How many sandboxes wait, and what they count against the budget. */
  get idle(): { readonly count: number; readonly memoryBytes: number } {
    return { count: this.#idle.size, memoryBytes: this.#idleBytes };
  }

  /**
   * An idle sandbox, or a new one whose guest may still have to get ready.
   * @throws WhiskersError `cancelled` the signal aborted or the pool was closed; `sandbox-failed` the
   * driver could not open one within `limits.startMs`
   */
  async acquire(request: LeaseRequest, signal: AbortSignal): Promise<Lease> {
    this.#checkOpen(signal);
    const key = keyOf(request);
    const waiting = this.#takeIdle(key);
    if (waiting !== null) return this.#lease(waiting, true);
    const entry = await this.#open(key, request, signal);
    return this.#lease(entry, false);
  }

  /**
   * Opens sandboxes ahead, until `count` of this kind are idle or do not fit the pool. A guest that does not
   * get ready is closed and not counted; its run will tell why. Programs of the plain form cannot
   * be opened ahead.
   * @returns how many of this kind are idle
   * @throws WhiskersError as `acquire`
   */
  async warm(request: LeaseRequest, count: number, signal: AbortSignal): Promise<number> {
    const key = keyOf(request);
    const idle = this.#idleByKey.get(key)?.length ?? 0;
    if (isPlain(request.prepared.pkg.manifest.guest)) return idle;
    const opening = Array.from({ length: Math.max(0, count - idle) }, () =>
      this.#openAhead(key, request, signal),
    );
    for (const one of opening) void this.#track(one);
    const results = await Promise.allSettled(opening);
    for (const result of results) if (result.status === "rejected") throw result.reason;
    return this.#idleByKey.get(key)?.length ?? 0;
  }

  /** Cancels the runs that are under way, closes every sandbox, waits for both. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#sweepTimer !== null) clearTimeout(this.#sweepTimer);
    for (const entry of this.#idle) this.#drop(entry);
    for (const lease of this.#leases) lease.onCancel?.();
    while (this.#leases.size > 0) {
      await new Promise<void>((resolve) => {
        this.#released = resolve;
      });
    }
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  #checkOpen(signal: AbortSignal): void {
    if (signal.aborted) throw new WhiskersError("cancelled", "the run was cancelled before it started");
    if (this.#closing.signal.aborted) {
      throw new WhiskersError("cancelled", "the pool of sandboxes was closed before the run started");
    }
  }

  #takeIdle(key: string): Entry | null {
    // The most recently used: its memory is the most likely to be in the caches.
    const entry = this.#idleByKey.get(key)?.at(-1);
    if (entry === undefined) return null;
    this.#removeIdle(entry);
    return entry;
  }

  #lease(entry: Entry, warm: boolean): Lease {
    const lease: Lease = {
      sandbox: entry.sandbox,
      link: entry.link,
      warm,
      cpuMsBefore: entry.cpuMs,
      onCancel: null,
      release: async (keep, usage) => {
        if (!this.#leases.delete(lease)) return;
        lease.onCancel = null;
        tally(this.#inUse, entry.key, -1);
        entry.runs += 1;
        this.#measure(entry, usage);
        if (keep && this.#mayKeep(entry)) this.#addIdle(entry);
        else {
          this.#replaceAhead(entry);
          await within(CLOSE_WAIT_MS, this.#closeEntry(entry), undefined);
        }
        this.#released?.();
      },
    };
    this.#leases.add(lease);
    tally(this.#inUse, entry.key, 1);
    return lease;
  }

  /**
   * Where a fresh sandbox costs little, the next one of a kind that is used is opened while nobody waits for it. As many
   * as are in use at once, and one: who runs one after another has one ahead.
   */
  #replaceAhead({ key, request, link }: Entry): void {
    const { driver, state, prepared } = request;
    if (state !== "fresh" || driver.capabilities.cheapFresh !== true) return;
    // What gave no answer may not even have got ready.
    if (isPlain(prepared.pkg.manifest.guest) || link.answeredAtMs === 0) return;
    const there = (this.#idleByKey.get(key)?.length ?? 0) + (this.#ahead.get(key) ?? 0);
    if (there > (this.#inUse.get(key) ?? 0) || this.#idle.size >= this.#options.maxIdle) return;
    tally(this.#ahead, key, 1);
    const timer = setTimeout(() => {
      const opening = this.#closing.signal.aborted
        ? Promise.resolve()
        : this.#openAhead(key, request, this.#closing.signal);
      void this.#track(opening.finally(() => tally(this.#ahead, key, -1)));
    }, AHEAD_DELAY_MS);
    timer.unref();
  }

  #mayKeep(entry: Entry): boolean {
    if (entry.state === "fresh" || entry.link.state !== "idle" || this.#closing.signal.aborted) return false;
    if (entry.runs >= this.#options.maxRuns) return false;
    // Under `fork` the peak is that of children which are gone.
    if (entry.state !== "reuse" || entry.peakBytes === null) return true;
    return entry.peakBytes < entry.limits.memoryBytes * RECYCLE_MEMORY_SHARE;
  }

  #measure(entry: Entry, usage: Usage): void {
    entry.cpuMs = usage.cpuMs ?? entry.cpuMs;
    entry.peakBytes = usage.peakMemoryBytes ?? entry.peakBytes;
  }

  async #openAhead(key: string, request: LeaseRequest, signal: AbortSignal): Promise<void> {
    this.#checkOpen(signal);
    const entry = await this.#open(key, request, signal);
    const { link } = entry;
    const giveUp = (): void => {
      link.end();
    };
    const gaveUp = [signal, this.#closing.signal];
    for (const one of gaveUp) one.addEventListener("abort", giveUp);
    const opened = await within(request.limits.startMs, link.opened, null);
    const usable = opened?.kind === "ready" && (request.state !== "fork" || opened.fork);
    if (usable) entry.peakBytes = (await readUsage(entry.sandbox)).peakMemoryBytes;
    for (const one of gaveUp) one.removeEventListener("abort", giveUp);
    if (usable && link.state === "idle") this.#addIdle(entry);
    else await within(CLOSE_WAIT_MS, this.#closeEntry(entry), undefined);
  }

  async #open(key: string, request: LeaseRequest, signal: AbortSignal): Promise<Entry> {
    const { driver, prepared, limits, state, files } = request;
    const opening = driver.open(prepared, { limits, state, files });
    const sandbox = await this.#withinStart(opening, request, signal);
    // Errors of the streams are no news: `output` ends or `ended` resolves.
    for (const stream of [sandbox.input, sandbox.output, sandbox.errors]) stream.on("error", () => {});
    const { manifest, loadsLate = false } = prepared.pkg;
    const link = isPlain(manifest.guest)
      ? new PlainLink(sandbox, limits)
      : new GuestLink(sandbox, limits, loadsLate);
    return {
      key,
      request,
      sandbox,
      link,
      limits,
      state,
      runs: 0,
      cpuMs: 0,
      peakBytes: null,
      idleSinceMs: 0,
    };
  }

  /** A sandbox that comes too late, or for nobody, is closed when it comes. */
  async #withinStart(
    opening: Promise<Sandbox>,
    request: LeaseRequest,
    signal: AbortSignal,
  ): Promise<Sandbox> {
    const cancelled = (): WhiskersError =>
      new WhiskersError("cancelled", "the run was cancelled while its sandbox was being opened");
    let giveUp: (error: WhiskersError) => void = () => {};
    const given = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    const onAbort = (): void => {
      giveUp(cancelled());
    };
    const { startMs } = request.limits;
    const timer = setTimeout(() => {
      const message = `the runtime \`${request.driver.name}\` did not start a sandbox within ${startMs} ms`;
      giveUp(new WhiskersError("sandbox-failed", message));
    }, startMs);
    signal.addEventListener("abort", onAbort);
    this.#closing.signal.addEventListener("abort", onAbort);
    try {
      return await Promise.race([opening, given]);
    } catch (error) {
      const closed = this.#track(opening.then((sandbox) => sandbox.close()));
      await within(CLOSE_WAIT_MS, closed, undefined);
      if (error instanceof WhiskersError) throw error;
      const message = `the runtime \`${request.driver.name}\` could not start a sandbox`;
      throw new WhiskersError("sandbox-failed", message, { cause: error });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      this.#closing.signal.removeEventListener("abort", onAbort);
    }
  }

  #addIdle(entry: Entry): void {
    entry.idleSinceMs = performance.now();
    this.#idle.add(entry);
    this.#idleBytes += budgetBytes(entry);
    const sameKey = this.#idleByKey.get(entry.key);
    if (sameKey === undefined) this.#idleByKey.set(entry.key, [entry]);
    else sameKey.push(entry);
    // It died, or broke a rule, while idle.
    entry.link.onEnd = () => {
      this.#drop(entry);
    };
    for (const oldest of this.#idle) {
      if (this.#idle.size <= this.#options.maxIdle && this.#idleBytes <= this.#options.memoryBudgetBytes)
        break;
      this.#drop(oldest);
    }
    this.#scheduleSweep();
  }

  #removeIdle(entry: Entry): void {
    if (!this.#idle.delete(entry)) return;
    entry.link.onEnd = null;
    this.#idleBytes -= budgetBytes(entry);
    const sameKey = this.#idleByKey.get(entry.key) ?? [];
    const at = sameKey.lastIndexOf(entry);
    if (at !== -1) sameKey.splice(at, 1);
    if (sameKey.length === 0) this.#idleByKey.delete(entry.key);
  }

  #drop(entry: Entry): void {
    this.#removeIdle(entry);
    void this.#closeEntry(entry);
  }

  #scheduleSweep(): void {
    if (this.#sweepTimer !== null) return;
    const [oldest] = this.#idle;
    if (oldest === undefined) return;
    const dueMs = Math.max(1, oldest.idleSinceMs + this.#options.idleMs - performance.now());
    this.#sweepTimer = setTimeout(() => {
      this.#sweepTimer = null;
      this.#sweep();
    }, dueMs);
    // Idle sandboxes alone do not keep the process alive; close() does the tidying.
    this.#sweepTimer.unref();
  }

  #sweep(): void {
    const before = performance.now() - this.#options.idleMs;
    for (const entry of this.#idle) {
      if (entry.idleSinceMs > before) break;
      this.#drop(entry);
    }
    this.#scheduleSweep();
  }

  #closeEntry(entry: Entry): Promise<void> {
    entry.link.end();
    const { sandbox } = entry;
    return this.#track(
      sandbox.close().finally(() => {
        // A process that got away may hold the other ends open.
        for (const stream of [sandbox.input, sandbox.output, sandbox.errors]) stream.destroy();
      }),
    );
  }

  /** Never rejects: nobody can do anything about a sandbox that cannot be closed. */
  #track(work: Promise<void>): Promise<void> {
    const settled = work.catch(() => {});
    this.#pending.add(settled);
    return settled.finally(() => this.#pending.delete(settled));
  }
}

function tally(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const now = (counts.get(key) ?? 0) + change;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}

function budgetBytes(entry: Entry): number {
  return entry.peakBytes ?? entry.limits.memoryBytes;
}

/** Sandboxes with equal keys are interchangeable. */
function keyOf({ driver, prepared, limits, state }: LeaseRequest): string {
  const { pkg, environment } = prepared;
  return JSON.stringify([
    driver.name,
    pkg.loadsLate === true ? "late" : pkg.digest,
    pkg.folder,
    pkg.manifest.guest,
    environment,
    limits,
    state,
  ]);
}

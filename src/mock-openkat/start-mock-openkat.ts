import { randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";

import type { FastifyInstance } from "fastify";

import { bytesApp } from "./bytes.ts";
import { type Fault, FaultList } from "./faults.ts";
import { mulaApp } from "./mula.ts";
import { ObjectGraph } from "./object-graph.ts";
import { type CheckObject, octopoesApp, type OctopoesState, type ReceivedWrite } from "./octopoes.ts";
import { type RawContent, RawStore } from "./raw-store.ts";
import { TaskStore } from "./task-store.ts";

export type ServiceName = "mula" | "bytes" | "octopoes";

export interface MockOptions {
  /** Checks objects as the graph does: see `CheckObject`. */
  readonly check: CheckObject;
  readonly organisations?: readonly string[];
  readonly username?: string;
  readonly password?: string;
  /** Life of a Bytes token, milliseconds; 15 minutes as OpenKAT's default. */
  readonly tokenMs?: number;
  /** How long the scheduler retries inside a request before it fails, milliseconds; about 10,000 in reality. */
  readonly slowMs?: number;
  /** Of random choices, so that a run with faults can be repeated. */
  readonly seed?: number;
  /** Ports for the three services; 0 or absent: any free one. */
  readonly ports?: Partial<Readonly<Record<ServiceName, number>>>;
}

export interface MockWork {
  /** Id of the task; default: a new one. */
  readonly id?: string;
  readonly normalizer: string;
  readonly content: RawContent;
  readonly inputOoi: string | null;
  readonly input?: unknown;
  /** Default: one, of no meaning. */
  readonly mimeTypes?: readonly string[];
  readonly endedAt?: string;
  readonly organisation?: string;
  readonly priority?: number;
}

export interface MockOpenKat {
  readonly urls: Readonly<Record<ServiceName, string>>;
  readonly tasks: TaskStore;
  readonly raws: RawStore;
  readonly graphs: ReadonlyMap<string, ObjectGraph>;
  /** Every accepted write to the graph, in order. */
  readonly received: readonly ReceivedWrite[];
  /** A boefje's run with one raw file, and a task for it. Returns the task's id. */
  addWork(work: MockWork): string;
  addFault(service: ServiceName, fault: Fault): void;
  clearFaults(): void;
  faultHits(service: ServiceName): ReturnType<FaultList["hits"]>;
  close(): Promise<void>;
}

/**
 * Mula, Bytes and Octopoes in one process, on loopback, in memory: strict as the real ones where a
 * normalizer runner meets them, for tests and for trying things. Each service also answers under
 * `/_mock`: `POST /_mock/faults` (a Fault), `DELETE /_mock/faults`, and its state by GET.
 */
export async function startMockOpenKat(options: MockOptions): Promise<MockOpenKat> {
  const tasks = new TaskStore();
  const raws = new RawStore();
  const octopoes: OctopoesState = { graphs: new Map(), received: [] };
  for (const name of options.organisations ?? ["org"]) octopoes.graphs.set(name, new ObjectGraph());
  const random = seededRandom(options.seed ?? 1);
  const faults = {
    mula: new FaultList(random),
    bytes: new FaultList(random),
    octopoes: new FaultList(random),
  };
  const apps: Readonly<Record<ServiceName, FastifyInstance>> = {
    mula: mulaApp(tasks, faults.mula, options.slowMs ?? 10_000),
    bytes: bytesApp(raws, faults.bytes, {
      username: options.username ?? "bytes",
      password: options.password ?? "bytes",
      tokenMs: options.tokenMs ?? 15 * 60_000,
      now: () => Date.now(),
    }),
    octopoes: octopoesApp(octopoes, options.check, faults.octopoes),
  };
  apps.mula.get("/_mock/tasks", async () => tasks.all());
  apps.bytes.get("/_mock/normalizer_metas", async () => [...raws.normalizerMetas.values()]);
  apps.octopoes.get("/_mock/received", async () => octopoes.received);
  const urls: Record<string, string> = {};
  const names = ["mula", "bytes", "octopoes"] as const;
  for (const name of names) {
    apps[name].post<{ Body: Fault }>("/_mock/faults", async ({ body }) => {
      faults[name].add(body);
      return null;
    });
    apps[name].delete("/_mock/faults", async () => {
      faults[name].clear();
      return null;
    });
    await apps[name].listen({ host: "127.0.0.1", port: options.ports?.[name] ?? 0 });
    urls[name] = `http://127.0.0.1:${(apps[name].server.address() as AddressInfo).port}`;
  }
  return {
    urls: urls as Record<ServiceName, string>,
    tasks,
    raws,
    graphs: octopoes.graphs,
    received: octopoes.received,
    addWork: (work) => addWork(work, tasks, raws),
    addFault: (service, fault) => {
      faults[service].add(fault);
    },
    clearFaults: () => {
      for (const list of Object.values(faults)) list.clear();
    },
    faultHits: (service) => faults[service].hits(),
    close: async () => {
      await Promise.all(names.map((name) => apps[name].close()));
    },
  };
}

function addWork(work: MockWork, tasks: TaskStore, raws: RawStore): string {
  const id = work.id ?? randomUUID();
  const { organisation = "org", mimeTypes = ["boefje/mock"], endedAt = new Date().toISOString() } = work;
  const boefje_meta = {
    id: randomUUID(),
    started_at: endedAt,
    ended_at: endedAt,
    boefje: { id: "mock", version: null },
    input_ooi: work.inputOoi,
    arguments: work.input === undefined ? {} : { input: work.input },
    organization: organisation,
    runnable_hash: null,
    environment: null,
  };
  raws.addBoefjeMeta(boefje_meta);
  const rawId = raws.addRaw({ boefjeMetaId: boefje_meta.id, mimeTypes, content: work.content });
  const { runnable_hash: _hash, environment: _environment, ...known } = boefje_meta;
  const raw_data = { id: rawId, mime_types: mimeTypes.map((value) => ({ value })), boefje_meta: known };
  const data = { id, normalizer: { id: work.normalizer, name: null, version: null }, raw_data };
  return tasks.push({ id, organisation, priority: work.priority ?? 1, data }).id;
}

/** mulberry32: small, and the same on every machine. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

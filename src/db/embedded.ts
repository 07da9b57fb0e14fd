import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import type { Connection, Database } from "./database.ts";
import { lockDirectory } from "./directory-lock.ts";
import type { DirectoryLock } from "./directory-lock.ts";
import type { EmbeddedAnswer, EmbeddedOrder, EmbeddedThreadData } from "./embedded-thread.ts";

/**
 * PostgreSQL inside this process (PGlite), in a thread of its own, its files in `<home>/db`. One process at a time.
 *
 * A new cluster is made under another name and renamed when it is complete, so that a process that is
 * killed meanwhile leaves nothing that looks like a database.
 * @throws WhiskersError `state-locked` another process uses it
 */
export async function openEmbedded(home: string): Promise<Database> {
  await mkdir(home, { recursive: true });
  const lock = await lockDirectory(join(home, "db-lock"), `the embedded database in ${home}`);
  let thread: DatabaseThread | null = null;
  try {
    const directory = join(home, "db");
    if (!existsSync(directory)) await initialise(directory);
    thread = new DatabaseThread(directory);
    const [row] = await thread.send<{ version: string }>(
      "query",
      "select current_setting('server_version') as version",
    );
    return new EmbeddedDatabase(thread, row?.version ?? "", lock);
  } catch (error) {
    await thread?.end();
    await lock.release();
    throw error;
  }
}

/** In a thread that ends with it: it takes 500 MB. */
async function initialise(directory: string): Promise<void> {
  const unfinished = `${directory}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  // Rejects with the thread's error.
  await once(startThread({ directory: unfinished, work: "initialise" }), "exit");
  await chmod(unfinished, 0o700);
  await rename(unfinished, directory);
}

function startThread(workerData: EmbeddedThreadData): Worker {
  return new Worker(new URL("embedded-thread.ts", import.meta.url), { workerData, execArgv: [] });
}

class EmbeddedDatabase implements Database {
  readonly kind = "embedded";
  readonly version: string;
  readonly #thread: DatabaseThread;
  readonly #lock: DirectoryLock;
  /** There is one connection: whoever uses it waits for whoever used it before. */
  #last: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | null = null;

  constructor(thread: DatabaseThread, version: string, lock: DirectoryLock) {
    this.#thread = thread;
    this.version = version;
    this.#lock = lock;
  }

  query<Row extends object>(statement: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return this.#alone(() => this.#thread.send<Row>("query", statement, values));
  }

  script(statements: string): Promise<readonly object[]> {
    return this.#alone(async () => {
      try {
        return await this.#thread.send("script", statements);
      } catch (error) {
        // A script that failed inside its own `begin` must not leave the connection so.
        await this.#thread.send("query", "rollback");
        throw error;
      }
    });
  }

  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#alone(async () => {
      await this.#thread.send("query", "begin");
      try {
        const result = await work({
          query: (statement, values = []) => this.#thread.send("query", statement, values),
          script: (statements) => this.#thread.send("script", statements),
        });
        await this.#thread.send("query", "commit");
        return result;
      } catch (error) {
        await this.#thread.send("query", "rollback");
        throw error;
      }
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#alone(() => this.#end());
    return this.#closed;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #end(): Promise<void> {
    try {
      await this.#thread.send("close", "");
    } finally {
      await this.#thread.end();
      await this.#lock.release();
    }
  }
}

interface Waiting {
  readonly resolve: (rows: readonly object[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Orders to the thread, and its answers. It keeps the process alive while it has something to do. */
class DatabaseThread {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #failure: Error | null = null;

  constructor(directory: string) {
    this.#worker = startThread({ directory, work: "serve" });
    this.#worker.unref();
    this.#worker.on("message", (answer: EmbeddedAnswer) => {
      this.#answered(answer);
    });
    this.#worker.on("error", (error: Error) => {
      this.#fail(error);
    });
    this.#worker.on("exit", () => {
      this.#fail(new Error("the embedded database has ended"));
    });
  }

  /** @throws the database's error, with its SQLSTATE as `code` */
  send<Row extends object>(
    kind: EmbeddedOrder["kind"],
    statement: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) {
        reject(this.#failure);
        return;
      }
      this.#waiting.push({ resolve: resolve as Waiting["resolve"], reject });
      this.#worker.ref();
      const order: EmbeddedOrder = { kind, statement, values };
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- of a window; a thread has none
      this.#worker.postMessage(order);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #answered(answer: EmbeddedAnswer): void {
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#worker.unref();
    if (answer.ok) waiting?.resolve(answer.rows);
    else waiting?.reject(Object.assign(new Error(answer.message), answer.fields));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}

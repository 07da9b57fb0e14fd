import { createHash, randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import path from "node:path/posix";
import type { Readable } from "node:stream";

import { codeOf, isObject, messageOf } from "../../../domain/unknown.ts";
import { FRAME, FRAME_HEADER_BYTES } from "../../frames.ts";
import { within } from "../../within.ts";
import { draftIn } from "./drafts.ts";
import type { MicrovmHost } from "./host.ts";
import type { MicrovmSandbox } from "./sandbox.ts";
import { snapshotTrouble } from "./snapshot-trouble.ts";

/** A machine that was saved when its guest was ready: a start is to go on from there. */
export interface Snapshot {
  readonly folder: string;
  /** The mark that its init will end the guest's output with. */
  readonly mark: string;
  /** What the guest had printed: that it is ready, and on its other stream what its code said when it was loaded. */
  readonly ready: Buffer;
  readonly said: Buffer;
}

/** What a snapshot depends on, beside this machine. */
export interface SnapshotSubject {
  /** All that the machine and its guest were started with. */
  readonly parts: readonly string[];
  readonly memoryBytes: number;
  /** Starts one that is to be saved in `folder`. */
  start(folder: string, mark: string, userId: number | null): Promise<MicrovmSandbox>;
  readonly startMs: number;
}

/** Each is some hundred megabytes. */
const KEPT_SNAPSHOTS = 8;
const READY_MAX_BYTES = 64 * 1024;
const SAID_MAX_BYTES = 256 * 1024;
const MARK_BYTES = 24;
/** Whoever wants one of the same waits for it. */
const SAVED_MS = 60_000;
/** From a snapshot that could not be made until it is tried again. */
const AGAIN_MS = 10 * 60_000;

/**
 * The snapshot for this subject, made when there is none or when it is not as it was left. Null: none can be made, because
 * the monitor cannot, or the guest is not one that can be cloned: it has to fork for every run, and so draw new random
 * numbers in each. Or because something is wrong here, which is told.
 */
export async function provideSnapshot(subject: SnapshotSubject, host: MicrovmHost): Promise<Snapshot | null> {
  if (!host.monitor.saves) return null;
  const key = keyOf(subject, host);
  const folder = path.join(snapshotsOf(host.stateDirectory), key);
  const there = await readSnapshot(folder);
  if (there !== null) return there;
  const making = host.snapshots.get(key) ?? makeOrTell(subject, key, host);
  host.snapshots.set(key, making);
  const made = await making;
  // One that cannot be made is not tried again by this process, or not at once.
  if (made !== null) host.snapshots.delete(key);
  return made;
}

async function makeOrTell(
  subject: SnapshotSubject,
  key: string,
  host: MicrovmHost,
): Promise<Snapshot | null> {
  const folder = snapshotsOf(host.stateDirectory);
  try {
    return await make(subject, path.join(folder, key), host);
  } catch (error) {
    const trouble = await snapshotTrouble(folder, subject.memoryBytes).catch(() => null);
    const why = trouble?.words ?? messageOf(error);
    host.warn(trouble?.cause ?? why, `${BOOTS}: ${why}. It is tried again in ten minutes`);
    setTimeout(() => host.snapshots.delete(key), AGAIN_MS).unref();
    return null;
  }
}

/** What it costs that there are none. */
export const BOOTS = "no snapshot can be made, and a machine that boots takes more than twenty times as long";

/** It did not work: whatever is wrong with it, the next start makes another. If it cannot be removed, that start finds out. */
export async function removeSnapshot({ folder }: Snapshot): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => {});
}

export function snapshotsOf(stateDirectory: string): string {
  return path.join(stateDirectory, "microvm", "snapshots");
}

function keyOf({ parts, memoryBytes }: SnapshotSubject, host: MicrovmHost): string {
  const { version, monitor, kernel, initramfs, processor, bootId } = host;
  const all = [...parts, memoryBytes, version, monitor.settings, kernel.digest, initramfs, processor, bootId];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex");
}

async function make(subject: SnapshotSubject, folder: string, host: MicrovmHost): Promise<Snapshot | null> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(path.dirname(folder), { recursive: true, mode: 0o755 });
  const draft = draftIn(path.dirname(folder));
  const userId = host.ids.take();
  let sandbox: MicrovmSandbox | null = null;
  try {
    await makeDraft(draft, subject.memoryBytes, userId);
    const mark = randomBytes(MARK_BYTES).toString("hex");
    sandbox = await subject.start(draft, mark, userId);
    const output = new Printed(sandbox.output, READY_MAX_BYTES);
    const errors = new Printed(sandbox.errors, SAID_MAX_BYTES);
    // A guest that is never ready has to be started without a snapshot in time to be told so.
    const ready = await readReady(sandbox, output, subject.startMs / 2);
    if (ready === null) return null;
    await sandbox.idle();
    const saved = sandbox.save().then(() => true);
    if (!(await within(SAVED_MS, saved, false))) throw new Error(`it was not saved within ${SAVED_MS} ms`);
    await sandbox.close();
    // What it printed since would be lost to all that go on from there.
    if (output.bytes.length !== ready.length || errors.isTooMuch) return null;
    await takeDraft(draft);
    const [told, said] = [ready, errors.bytes].map((bytes) => bytes.toString("base64"));
    const about = { mark, ready: told, said, stamps: await stampsOf(draft) };
    await writeFile(path.join(draft, "snapshot.json"), JSON.stringify(about), { mode: 0o600 });
    await removeOldest(path.dirname(folder));
    try {
      await rename(draft, folder);
    } catch (error) {
      const others = await readSnapshot(folder);
      if (others === null) throw error;
      return others;
    }
    return await readSnapshot(folder);
  } finally {
    await sandbox?.close();
    host.ids.release(userId);
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * The monitor's user may go through the folder, to a socket in it, and nobody else; and may change nothing of it: in one that
 * somebody has broken into, a link would be where we write. The memory is that user's.
 */
async function makeDraft(draft: string, memoryBytes: number, userId: number | null): Promise<void> {
  await mkdir(draft, { mode: 0o700 });
  const memory = path.join(draft, "memory");
  await writeFile(memory, "", { mode: 0o600 });
  await truncate(memory, Math.ceil(memoryBytes / (1024 * 1024)) * 1024 * 1024);
  if (userId === null) return;
  await chown(memory, userId, userId);
  await chown(draft, ownUser(), userId);
  await chmod(draft, 0o710);
}

/** Its monitor has ended. @throws Error it has left something else than files */
async function takeDraft(draft: string): Promise<void> {
  await chown(draft, ownUser(), ownGroup());
  await chmod(draft, 0o700);
  for (const name of ["memory", "state"]) {
    const file = path.join(draft, name);
    if (!(await lstat(file)).isFile()) throw new Error(`the ${name} of a machine that was saved is no file`);
    await chown(file, ownUser(), ownGroup());
    // A monitor opens it for writing, and maps it privately: nobody else comes near it.
    await chmod(file, 0o666);
  }
}

function ownUser(): number {
  return process.geteuid?.() ?? 0;
}

function ownGroup(): number {
  return process.getegid?.() ?? 0;
}

/** Null: it is not there, or its files are not as they were left. */
export async function readSnapshot(folder: string): Promise<Snapshot | null> {
  try {
    const about: unknown = JSON.parse(await readFile(path.join(folder, "snapshot.json"), "utf8"));
    if (!isObject(about) || about["stamps"] !== (await stampsOf(folder))) throw new Error("damaged");
    const [ready, said] = ["ready", "said"].map((name) => Buffer.from(String(about[name]), "base64"));
    if (ready === undefined || said === undefined) throw new Error("unreachable");
    return { folder, mark: String(about["mark"]), ready, said };
  } catch {
    return null;
  }
}

/** Size and times of change, which no user but root sets at will. */
async function stampsOf(folder: string): Promise<string> {
  const stamps = ["memory", "state"].map(async (name) => {
    const { size, mtimeNs, ctimeNs, ino } = await stat(path.join(folder, name), { bigint: true });
    return [size, mtimeNs, ctimeNs, ino].join(" ");
  });
  return (await Promise.all(stamps)).join(", ");
}

/** All that comes on a stream, as far as it is no more than so many bytes. */
class Printed {
  bytes = Buffer.alloc(0);
  isTooMuch = false;

  constructor(stream: Readable, mostBytes: number) {
    stream.on("data", (chunk: Buffer) => {
      this.isTooMuch ||= this.bytes.length + chunk.length > mostBytes;
      if (!this.isTooMuch) this.bytes = Buffer.concat([this.bytes, chunk]);
    });
  }
}

/**
 * The guest's first frame; null: it is none that says that the guest is ready and can fork, or it ended before.
 * @throws Error it did not come in time, or the machine failed
 */
async function readReady(
  { output, ended }: MicrovmSandbox,
  printed: Printed,
  startMs: number,
): Promise<Buffer | null> {
  const frame = new Promise<Buffer | null>((resolve, reject) => {
    output.on("data", () => {
      const { bytes, isTooMuch } = printed;
      if (isTooMuch) resolve(null);
      if (bytes.length < FRAME_HEADER_BYTES) return;
      const wanted = FRAME_HEADER_BYTES + bytes.readUInt32BE(0);
      if (bytes.length >= wanted) resolve(bytes.length === wanted && saysThatItForks(bytes) ? bytes : null);
    });
    void ended.then(({ runtimeError }) => {
      if (runtimeError === null) resolve(null);
      else reject(new Error(runtimeError));
      return null;
    });
  });
  frame.catch(() => {});
  const said = await within(startMs, frame, "late" as const);
  if (said === "late") throw new Error(`the guest that is to be saved was not ready within ${startMs} ms`);
  return said;
}

function saysThatItForks(frame: Buffer): boolean {
  if (frame.readUInt8(4) !== FRAME.ready) return false;
  try {
    const ready: unknown = JSON.parse(frame.toString("utf8", FRAME_HEADER_BYTES));
    return isObject(ready) && ready["fork"] === true;
  } catch {
    return false;
  }
}

async function removeOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith("."));
  const ages = await Promise.all(
    names.map(async (name) => ({ name, ms: await changedMs(path.join(folder, name)) })),
  );
  const old = ages.toSorted((a, b) => b.ms - a.ms).slice(KEPT_SNAPSHOTS - 1);
  for (const { name } of old) await rm(path.join(folder, name), { recursive: true, force: true });
}

/** Another process may have removed it. */
async function changedMs(file: string): Promise<number> {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return -Infinity;
    throw error;
  }
}

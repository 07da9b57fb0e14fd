import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path/posix";

import { messageOf } from "../../../domain/unknown.ts";
import type { MachineEnd } from "./monitor.ts";

export interface FailedMachine {
  readonly end: MachineEnd;
  /** What the init said. */
  readonly failure: string | null;
  readonly isBooted: boolean;
  readonly isStarted: boolean;
  /** Its guest has ended, and not all came that it printed. */
  readonly isCut: boolean;
  readonly console: string;
  /** It was ended because it took longer than this; null: it was not. */
  readonly timedOutMs: number | null;
  /** What the monitor had of the processors: a boot that had too little of them is slow, and does not hang. */
  readonly cpuMs: number | null;
  readonly monitor: string;
  readonly stateDirectory: string;
  readonly name: string;
}

const KEPT_CONSOLES = 20;
const SHOWN_CHARS = 300;

/**
 * Why a machine failed, which is nobody's fault who runs in it: which of monitor, kernel, initramfs, devices, init and
 * set-up it was, in their own words. Its console is kept in a file, which the sentence names.
 */
export function explainFailedMachine(failed: FailedMachine): string {
  const { monitor, console: printed } = failed;
  const why = sentence(failed);
  const kept = printed.trim() === "" ? "" : `; its console: ${keepConsole(failed)}`;
  return `${monitor}: ${why}${kept}`;
}

function sentence({
  end,
  failure,
  isBooted,
  isStarted,
  isCut,
  console: printed,
  timedOutMs,
  cpuMs,
}: FailedMachine): string {
  if (isCut) return "its guest ended, and the end of what that had printed did not come";
  if (failure !== null) return `the init of the machine failed: ${failure}`;
  const panic = /Kernel panic - not syncing: ([^\r\n]*)/u.exec(printed)?.[1];
  if (panic !== undefined)
    return /init|root/iu.test(panic) && !isBooted
      ? `the kernel could not start the initramfs: ${panic}`
      : `the kernel panicked: ${panic}`;
  if (timedOutMs !== null) {
    const stage = isBooted ? "its init did not start the guest" : "its kernel and init were not there";
    const had = cpuMs === null ? "" : `, with ${Math.round(cpuMs)} ms of processor time`;
    return `the machine did not boot in time: ${stage} within ${timedOutMs} ms${had}`;
  }
  const how = end.signal === null ? `ended with status ${end.exitCode}` : `was ended by ${end.signal}`;
  const said = end.complaint === "" ? "" : `: ${end.complaint.slice(-SHOWN_CHARS)}`;
  if (isStarted) return `the monitor ${how} while the guest ran${said}`;
  if (printed.trim() === "") return `the monitor ${how} before the kernel said anything${said}`;
  return `the monitor ${how} while the machine booted${said}`;
}

function keepConsole({ stateDirectory, name, console: printed }: FailedMachine): string {
  const folder = path.join(stateDirectory, "microvm", "consoles");
  const file = path.join(folder, `${name}.log`);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, printed, { mode: 0o600 });
    const ages = readdirSync(folder).map((one) => ({ one, ms: writtenMs(path.join(folder, one)) }));
    const others = ages.filter(({ one }) => one !== path.basename(file)).toSorted((a, b) => b.ms - a.ms);
    for (const { one } of others.slice(KEPT_CONSOLES - 1)) rmSync(path.join(folder, one), { force: true });
    return file;
  } catch (error) {
    return `could not be kept (${messageOf(error)})`;
  }
}

/** Another process may have removed it. */
function writtenMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
}

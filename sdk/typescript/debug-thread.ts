/** Relays the Chrome DevTools Protocol: one message a frame, as JSON. */
import { read } from "node:fs";
import { Session } from "node:inspector";
import { promisify } from "node:util";
import { parentPort, workerData } from "node:worker_threads";

import { type DebugThreadData, FrameLock, writeWhole } from "./debug.ts";
import { DEBUG_IN, DEBUG_OUT, encodeFrame, readHeader, readPayload } from "./frames.ts";
import type { GuestStream } from "./frames.ts";

const { input, output, run, lock, folder } = workerData as DebugThreadData;
const frameLock = new FrameLock(lock);
const readAsync = promisify(read);

// Not blocking: this thread is told by V8 what happens in the other.
const stream: GuestStream = {
  async fill(target) {
    for (let filled = 0; filled < target.length;) {
      const { bytesRead } = await readAsync(input, target, filled, target.length - filled, null);
      if (bytesRead === 0) return false;
      filled += bytesRead;
    }
    return true;
  },
  write: () => {},
};

interface Command {
  readonly id: number;
  readonly method: string;
  readonly params?: object;
}

const session = new Session();
session.connectToMainThread();
session.on("inspectorNotification", (message) => {
  tell(message);
});

for (;;) {
  const header = await readHeader(stream);
  if (header?.kind !== DEBUG_IN) break;
  const payload = Buffer.allocUnsafe(header.length);
  await readPayload(stream, payload);
  const command = JSON.parse(payload.toString("utf8")) as Command;
  if (command.method === "Runtime.runIfWaitingForDebugger") {
    // Not waited for: what keeps this thread alive is that it reads.
    void begin(command.id);
  } else {
    session.post(command.method, command.params ?? {}, (error, result) => {
      tell(error === null ? { id: command.id, result: result ?? {} } : { id: command.id, error });
    });
  }
}

function tell(message: object): void {
  const frame = encodeFrame(DEBUG_OUT, run, JSON.stringify(message));
  frameLock.hold(() => {
    writeWhole(output, frame);
  });
}

async function begin(id: number): Promise<void> {
  await stopAtFirstLine();
  tell({ id, result: {} });
  // A thread has no origin, unlike a window.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.postMessage("attached");
}

/** Of the package's code: what Node.js does with `--inspect-brk` for the file that it is started with. */
function stopAtFirstLine(): Promise<void> {
  const urlRegex = `^${RegExp.escape(`file://${folder}/`)}(?!.*node_modules)`;
  return new Promise((resolve) => {
    session.post("Debugger.enable", () => {
      session.post("Debugger.setBreakpointByUrl", { urlRegex, lineNumber: 0 }, () => {
        resolve();
      });
    });
  });
}

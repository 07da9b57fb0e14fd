import { once } from "node:events";
import { readFileSync } from "node:fs";

const ADDRESS = /^Debugger listening on (?<url>ws:\S+)$/mu;

export interface InspectedHeap extends Disposable {
  /** What is left when garbage was collected: JavaScript's heap, and what it keeps outside. */
  usedBytes(): Promise<number>;
}

/**
 * The heap of another Node.js process, which was started with `--inspect=127.0.0.1:0` and writes its log to a file.
 * Method names are those of the Chrome DevTools protocol.
 */
export async function openHeap(log: string): Promise<InspectedHeap> {
  const url = ADDRESS.exec(readFileSync(log, "utf8"))?.groups?.["url"];
  if (url === undefined) throw new Error(`no inspector in ${log}`);
  const socket = new WebSocket(url);
  const answers = new Map<number, (result: Readonly<Record<string, number>>) => void>();
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as {
      readonly id?: number;
      readonly result?: Readonly<Record<string, number>>;
    };
    if (message.id !== undefined) answers.get(message.id)?.(message.result ?? {});
  });
  await once(socket, "open");
  const ask = (method: string): Promise<Readonly<Record<string, number>>> =>
    new Promise((resolve) => {
      const id = answers.size + 1;
      answers.set(id, resolve);
      socket.send(JSON.stringify({ id, method }));
    });
  return {
    async usedBytes() {
      await ask("HeapProfiler.collectGarbage");
      const { usedSize = 0, backingStorageSize = 0 } = await ask("Runtime.getHeapUsage");
      return usedSize + backingStorageSize;
    },
    [Symbol.dispose]() {
      socket.close();
    },
  };
}

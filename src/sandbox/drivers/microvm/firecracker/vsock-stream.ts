import { connect } from "node:net";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** Between two tries, and how long one may take: before a machine has its driver, it lies with the monitor for 2 s. */
const TRY_AGAIN_MS = 10;
const ANSWER_MS = 3000;
/** `OK 1073741824` */
const ANSWER_MAX_BYTES = 32;

/**
 * A connection to a port of a machine's, through the Unix socket where its monitor passes on what is for vsock: the
 * host says `CONNECT <port>`, and is told `OK <a port>` once a program of the machine has accepted it. Until one does,
 * it tries again, and keeps what is written.
 */
export class VsockStream extends Duplex {
  /** Resolves when it is connected; never if it is destroyed before. */
  readonly connected: Promise<void>;
  #socket: Socket | null = null;
  #isGivenUp = false;
  #waiting: ((socket: Socket) => void) | null = null;

  /** @param after what has to be before the first try */
  constructor(path: string, port: number, after: Promise<void>) {
    super({ allowHalfOpen: true });
    this.connected = new Promise((resolve) => {
      void after.then(() => this.#connect(path, port, resolve));
    });
  }

  async #connect(path: string, port: number, resolve: () => void): Promise<void> {
    while (!this.destroyed && !this.#isGivenUp) {
      const socket = await connectOnce(path, port);
      if (socket !== null) {
        this.#use(socket);
        resolve();
        return;
      }
      await sleep(TRY_AGAIN_MS);
    }
  }

  #use(socket: Socket): void {
    if (this.destroyed || this.#isGivenUp) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    socket.on("data", (chunk) => {
      if (!this.push(chunk)) socket.pause();
    });
    const onEnd = (): void => {
      if (!this.readableEnded) this.push(null);
    };
    socket.once("end", onEnd);
    // What has come, and nobody has read yet, can still be read.
    socket.once("close", () => {
      if (!socket.readableEnded) onEnd();
    });
    socket.resume();
    this.#waiting?.(socket);
    this.#waiting = null;
  }

  /** The machine has ended: it is not tried any more. */
  giveUp(): void {
    if (this.#socket !== null || this.#isGivenUp) return;
    this.#isGivenUp = true;
    this.push(null);
  }

  override _read(): void {
    this.#socket?.resume();
  }

  /** A machine that has gone is told by its end, so no write fails. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#whenConnected((socket) => {
      socket.write(chunk, () => {
        callback();
      });
    });
  }

  override _final(callback: () => void): void {
    this.#whenConnected((socket) => {
      socket.end(() => {
        callback();
      });
    });
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket?.destroy();
    callback(error);
  }

  /** A stream writes one thing after another. */
  #whenConnected(act: (socket: Socket) => void): void {
    if (this.#socket === null) this.#waiting = act;
    else act(this.#socket);
  }
}

/** Null: nobody accepts it yet. The socket is paused. */
function connectOnce(path: string, port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ path, allowHalfOpen: true });
    let answer = Buffer.alloc(0);
    const settle = (is: boolean): void => {
      clearTimeout(timer);
      socket.off("data", onData).off("close", refuse).off("end", refuse);
      if (!is) socket.destroy();
      resolve(is ? socket : null);
    };
    const refuse = (): void => {
      settle(false);
    };
    const onData = (chunk: Buffer): void => {
      answer = Buffer.concat([answer, chunk]);
      const end = answer.indexOf("\n");
      if (end < 0 && answer.length <= ANSWER_MAX_BYTES) return;
      const isOk = end >= 0 && /^OK \d+$/u.test(answer.toString("latin1", 0, end));
      socket.pause();
      settle(isOk);
      if (isOk && end + 1 < answer.length) socket.unshift(answer.subarray(end + 1));
    };
    const timer = setTimeout(refuse, ANSWER_MS);
    socket.on("data", onData).once("close", refuse).once("end", refuse);
    socket.on("error", () => {});
    socket.write(`CONNECT ${port}\n`);
  });
}

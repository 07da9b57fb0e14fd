import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { type WebSocket, WebSocketServer } from "ws";

import { codeOf, isObject, messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import type { DebugChannel } from "../../sandbox/link.ts";

const LOOPBACK = "127.0.0.1";
/** Of a message of ours, which no debugger is told the answer to. */
const OWN_ID = -1;
const MOST_MESSAGE_BYTES = 16 * 2 ** 20;

/**
 * Where a debugger for Node.js connects: the HTTP and WebSocket endpoints that `node --inspect` has, on loopback, for a
 * guest that has no port. Whoever knows the address may run code in the sandbox, so it holds a random path, and a page in a
 * browser can neither guess it nor ask for it (Host and Origin are looked at).
 */
export class InspectorServer implements DebugChannel, AsyncDisposable {
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #path = `/${randomUUID()}`;
  readonly #title: string;
  #send: ((text: string) => void) | null = null;
  #waiting: string[] = [];
  #client: WebSocket | null = null;

  private constructor(title: string) {
    this.#title = title;
    this.#http = createServer((request, response) => {
      this.#answer(request, response);
    });
    this.#sockets = new WebSocketServer({
      server: this.#http,
      path: this.#path,
      maxPayload: MOST_MESSAGE_BYTES,
      verifyClient: ({ origin, req }: { origin?: string; req: IncomingMessage }) =>
        isLocal(req) && (origin === undefined || origin.startsWith("devtools://")) && this.#client === null,
    });
    this.#sockets.on("connection", (socket) => {
      this.#connect(socket);
    });
  }

  /** @param port 0: any. @throws WhiskersError `usage` it is taken */
  static async open(port: number, title: string): Promise<InspectorServer> {
    const server = new InspectorServer(title);
    try {
      server.#http.listen(port, LOOPBACK);
      await once(server.#http, "listening");
    } catch (cause) {
      const why =
        codeOf(cause) === "EADDRINUSE" ? "is in use: --inspect-port takes another one" : messageOf(cause);
      throw new WhiskersError("usage", `port ${port} ${why}`, { cause });
    }
    return server;
  }

  get url(): string {
    return `ws://${this.#host}${this.#path}`;
  }

  receive(payload: Buffer): void {
    const text = payload.toString("utf8");
    if (!isOwnAnswer(text)) this.#client?.send(text);
  }

  attach(send: (text: string) => void): void {
    this.#send = send;
    for (const text of this.#waiting) send(text);
    this.#waiting = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#send = () => {};
    this.#client?.close();
    this.#sockets.close();
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, "close");
  }

  get #host(): string {
    return `${LOOPBACK}:${(this.#http.address() as AddressInfo).port}`;
  }

  #connect(socket: WebSocket): void {
    this.#client = socket;
    socket.on("message", (data: Buffer) => {
      this.#say(data.toString("utf8"));
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#client = null;
      // What it had stopped goes on.
      this.#say(JSON.stringify({ id: OWN_ID, method: "Debugger.disable" }));
    });
  }

  #say(text: string): void {
    if (this.#send === null) this.#waiting.push(text);
    else this.#send(text);
  }

  /** What tools ask to find out whom they can debug. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    const answer = isLocal(request) ? this.#document(request.url ?? "") : null;
    response.writeHead(answer === null ? 404 : 200, { "content-type": "application/json; charset=UTF-8" });
    response.end(answer === null ? "" : JSON.stringify(answer));
  }

  #document(url: string): object | null {
    if (url === "/json/version") return { Browser: `node.js/${process.version}`, "Protocol-Version": "1.1" };
    if (url !== "/json" && url !== "/json/list") return null;
    const [id, address] = [this.#path.slice(1), `${this.#host}${this.#path}`];
    return [
      {
        description: "node.js instance",
        devtoolsFrontendUrl: `devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws=${address}`,
        id,
        title: this.#title,
        type: "node",
        url: "file://",
        webSocketDebuggerUrl: `ws://${address}`,
      },
    ];
  }
}

/** Asked by this name, and not by one that somebody made lead here (DNS rebinding). */
function isLocal({ headers }: IncomingMessage): boolean {
  return /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/u.test(headers.host ?? "");
}

function isOwnAnswer(text: string): boolean {
  if (!text.includes(`"id":${OWN_ID}`)) return false;
  const message: unknown = JSON.parse(text);
  return isObject(message) && message["id"] === OWN_ID;
}

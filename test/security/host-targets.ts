import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import dgram from "node:dgram";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import { homedir, networkInterfaces } from "node:os";
import path from "node:path";

import { findAll } from "../../src/sandbox/interpreters.ts";

/** What attackers are told about the host, as JSON in the raw file: the harder the test, the better the proof. */
export interface Brief {
  readonly tcp: readonly (readonly [string, number])[];
  readonly udp: readonly (readonly [string, number])[];
  readonly unixPath: string;
  readonly unixAbstract: string;
  readonly canaryName: string;
  readonly canaryFiles: readonly string[];
  readonly canaryVariable: string;
  readonly hostFolders: readonly string[];
  readonly bystanderPid: number;
  readonly bystanderMarker: string;
  readonly marker: string;
  /** Nothing holds the attacker: it leaves out what would do harm. */
  readonly harmless: boolean;
}

/** Listeners, canary files and a bystander process on the host, for attacks to reach. */
export interface HostTargets {
  readonly brief: Brief;
  /** In the canary files and in the environment; must never come out of a sandbox. */
  readonly secret: string;
  /** A folder of ours alone, which TMPDIR names while the suite runs. */
  readonly folder: string;
  /** What arrived at the listeners so far. */
  readonly arrivals: readonly string[];
  bystanderLives(): boolean;
  changedCanaries(): readonly string[];
  close(): Promise<void>;
}

const VARIABLE = "WHISKERS_TEST_CANARY_PASSWORD";

export async function openHostTargets(harmless = false): Promise<HostTargets> {
  const marker = `whiskers-test-${randomBytes(8).toString("hex")}`;
  const secret = `canary-${randomBytes(16).toString("hex")}`;
  const arrivals: string[] = [];
  const folder = mkdtempSync(path.join("/tmp", `${marker}-`));
  // As wide open as can be: what protects it has to be the sandbox.
  chmodSync(folder, 0o777);
  const previous = { TMPDIR: process.env["TMPDIR"], [VARIABLE]: process.env[VARIABLE] };
  process.env["TMPDIR"] = folder;
  process.env[VARIABLE] = secret;

  const canaryName = `${marker}.txt`;
  const places = ["/tmp", "/var/tmp", "/dev/shm", homedir(), folder];
  const canaryFiles = places.map((place) => path.join(place, canaryName));
  for (const file of canaryFiles) writeFileSync(file, secret, { mode: 0o644 });

  const hosts = ["127.0.0.1", "::1", ...outsideAddresses()];
  const servers: (net.Server | dgram.Socket)[] = [];
  const tcp: [string, number][] = [];
  const udp: [string, number][] = [];
  for (const host of hosts) {
    const server = net.createServer((socket) => {
      arrivals.push(`TCP ${host}`);
      socket.on("error", () => {});
      socket.destroy();
    });
    servers.push(server);
    tcp.push([host, await listen(server, { host, port: 0 })]);
    const socket = dgram.createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.on("message", (message, from) => {
      arrivals.push(`UDP ${host}`);
      socket.send(message, from.port, from.address);
    });
    servers.push(socket);
    socket.bind(0, host);
    await once(socket, "listening");
    udp.push([host, socket.address().port]);
  }
  const unixPath = path.join(folder, "socket");
  const unixAbstract = `${marker}-abstract`;
  for (const name of [unixPath, `\0${unixAbstract}`]) {
    const server = net.createServer((socket) => {
      arrivals.push(`unix ${name}`);
      socket.on("error", () => {});
      socket.destroy();
    });
    servers.push(server);
    await listen(server, { path: name });
  }
  chmodSync(unixPath, 0o777);
  const bystander = spawn("sleep", ["3600"], {
    argv0: `${marker}-bystander`,
    stdio: "ignore",
    env: { [VARIABLE]: secret },
  });
  await once(bystander, "spawn");

  const programs = Object.fromEntries(runtimePrograms().map((program) => [program, stampOf(program)]));

  return {
    brief: {
      tcp,
      udp,
      unixPath,
      unixAbstract,
      canaryName,
      canaryFiles,
      canaryVariable: VARIABLE,
      hostFolders: [folder, path.resolve(import.meta.dirname, "../.."), homedir()],
      bystanderPid: bystander.pid ?? -1,
      bystanderMarker: `${marker}-bystander`,
      marker,
      harmless,
    },
    secret,
    folder,
    arrivals,
    bystanderLives: () => lives(bystander),
    changedCanaries: () => [
      ...canaryFiles.filter((file) => readFileSync(file, "utf8") !== secret),
      ...Object.keys(programs).filter((program) => stampOf(program) !== programs[program]),
    ],
    close: async () => {
      if (lives(bystander)) {
        bystander.kill("SIGKILL");
        await once(bystander, "exit");
      }
      for (const server of servers) server.close();
      for (const file of [...canaryFiles, folder]) rmSync(file, { recursive: true, force: true });
      for (const [name, value] of Object.entries(previous)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    },
  };
}

/** Programs that make sandboxes: worth more to an attacker than any other file. */
function runtimePrograms(): readonly string[] {
  const names = ["bwrap", "runc", "crun", "runsc", "docker", "dockerd", "containerd", "unshare", "setpriv"];
  const searchPath = `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/bin`;
  return [process.execPath, ...names.flatMap((name) => findAll(name, searchPath).slice(0, 1))];
}

function stampOf(file: string): string {
  const { ino, size, mtimeMs } = statSync(file);
  return [ino, size, mtimeMs].join(" ");
}

function outsideAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter((one) => !one.internal && one.family === "IPv4").map((one) => one.address);
}

async function listen(server: net.Server, options: net.ListenOptions): Promise<number> {
  server.listen(options);
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function lives(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

import { isObject } from "../../../domain/unknown.ts";
import type { Engine } from "./engine.ts";

/** What an engine limits of its containers. One without rights may have none of the controllers for it. */
export type EngineLimit = "memory" | "processes" | "cpu";

/** What Podman says of itself, by its own API alone. */
export interface PodmanInfo {
  /** An ordinary user's: root of its containers is that user, and the others are few. It sets no rlimits that it is asked for. */
  readonly isRootless: boolean;
  readonly limits: ReadonlySet<EngineLimit>;
}

const ALL: ReadonlySet<EngineLimit> = new Set(["memory", "processes", "cpu"]);
const CONTROLLERS: Readonly<Record<string, EngineLimit>> = {
  memory: "memory",
  pids: "processes",
  cpu: "cpu",
};

/** Its answer to Docker's question says of all limits that they are there, also where an ordinary user can have none. */
export async function askPodman(engine: Pick<Engine, "ask">, timeoutMs: number): Promise<PodmanInfo> {
  const answer = await engine.ask("GET", "/libpod/info", { timeoutMs });
  const host = isObject(answer) && isObject(answer["host"]) ? answer["host"] : {};
  const isRootless = isObject(host["security"]) && host["security"]["rootless"] === true;
  if (!isRootless) return { isRootless, limits: ALL };
  const controllers = Array.isArray(host["cgroupControllers"]) ? host["cgroupControllers"] : [];
  const limits = controllers.flatMap((name) => CONTROLLERS[String(name)] ?? []);
  return { isRootless, limits: new Set(limits) };
}

/** Of Docker's answer to `GET /info`. */
export function limitsOfDocker(info: Readonly<Record<string, unknown>>): ReadonlySet<EngineLimit> {
  const named = [
    ["MemoryLimit", "memory"],
    ["PidsLimit", "processes"],
    ["CpuCfsQuota", "cpu"],
  ] as const;
  return new Set(named.flatMap(([name, limit]) => (info[name] === false ? [] : [limit])));
}

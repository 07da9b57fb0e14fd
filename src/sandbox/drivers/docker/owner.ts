import { readFileSync } from "node:fs";

import { isStaleSandbox, sandboxNamePrefix } from "../../cgroup/owner.ts";

/** Labels of what we made. The name says which process made it: cgroup/owner.ts. */
export const LABEL = Object.freeze({
  sandbox: "whiskers.sandbox",
  owner: "whiskers.owner",
  boot: "whiskers.boot",
  home: "whiskers.home",
  /** Of images: what is in it, for people. */
  image: "whiskers.image",
});

/** Between making and starting a container lie milliseconds, between its end and its removal too. */
const ABANDONED_AFTER_MS = 3_600_000;

/** Of the process that makes a sandbox, and of the sandbox. */
export function labelsOf(name: string, home: string): Readonly<Record<string, string>> {
  return { ...ownerLabels(home), [LABEL.sandbox]: name };
}

export function ownerLabels(home: string): Readonly<Record<string, string>> {
  return { [LABEL.owner]: ownerOf(sandboxNamePrefix()), [LABEL.boot]: bootId(), [LABEL.home]: home };
}

/** A container as `GET /containers/json` tells it. */
export interface Found {
  readonly labels: Readonly<Record<string, unknown>>;
  /** `running`, `exited`, `created`, ... */
  readonly state: string;
  readonly createdMs: number;
}

/**
 * Nobody will ever use or remove it. Sure for processes that we could see: of this boot of this machine, and of our
 * pid namespace. Of all others (an engine may serve several machines) a container that has not been running for
 * an hour after it was made is taken for such: no sandbox of a living process stands like that.
 */
export function isAbandoned({ labels, state, createdMs }: Found, nowMs: number): boolean {
  const name = labels[LABEL.sandbox];
  if (typeof name !== "string") return false;
  if (labels[LABEL.boot] === bootId() && isStaleSandbox(name)) return true;
  return state !== "running" && state !== "paused" && nowMs - createdMs > ABANDONED_AFTER_MS;
}

function ownerOf(prefix: string): string {
  return prefix.replace(/-$/u, "");
}

/** Differs from start to start of a machine, and from machine to machine; random(4). */
function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

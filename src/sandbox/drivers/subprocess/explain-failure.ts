import { readFileSync } from "node:fs";

/** Switches of the kernel that keep users from making namespaces, and what turns them. */
const SWITCHES = [
  {
    file: "/proc/sys/kernel/unprivileged_userns_clone",
    bad: "0",
    remedy: "allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1",
  },
  {
    file: "/proc/sys/user/max_user_namespaces",
    bad: "0",
    remedy: "allow user namespaces: sysctl -w user.max_user_namespaces=15000",
  },
  {
    file: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    bad: "1",
    remedy:
      "AppArmor restricts user namespaces (Ubuntu 23.10 and later): give bwrap a profile that allows `userns`, " +
      "or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  },
] as const;

/** Why no variant works, and what would help. */
export function explainFailure(
  reasons: readonly string[],
  variant: "auto" | "bubblewrap" | "util-linux",
  searchPath: string,
): { readonly reason: string; readonly remedy: string } {
  if (reasons.length === 0) {
    const wanted =
      variant === "auto" ? "neither bubblewrap (bwrap) nor util-linux (unshare)" : `no ${variant}`;
    return {
      reason: `${wanted} was found in ${searchPath}`,
      remedy: `Install ${variant === "util-linux" ? "util-linux" : "bubblewrap"}.`,
    };
  }
  const remedies = SWITCHES.filter(({ file, bad }) => read(file) === bad).map(({ remedy }) => remedy);
  const container =
    "in a container, allow it to make namespaces and to mount /proc " +
    "(Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined)";
  return {
    reason: reasons.join("; "),
    remedy: remedies.length > 0 ? `${remedies.join("; ")}.` : `Read what the tool says; ${container}.`,
  };
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return null;
  }
}

import { ALLOWED, ERRNO, RULES } from "./allowed-calls.ts";
import type { ArgumentTest, CallRule } from "./allowed-calls.ts";
import type { FilterArchitecture } from "./compile-filter.ts";

/**
 * The filter as container runtimes want it: `linux.seccomp` of an OCI config.json (runtime-spec, config-linux.md),
 * and, written as JSON, what Docker and Podman take as `--security-opt seccomp=`.
 */
export interface ContainerFilter {
  readonly defaultAction: "SCMP_ACT_ERRNO";
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly ContainerCalls[];
}

export interface ContainerCalls {
  readonly names: readonly string[];
  readonly action: "SCMP_ACT_ALLOW" | "SCMP_ACT_ERRNO";
  readonly errnoRet?: number;
  /** All must hold. */
  readonly args?: readonly ContainerArgument[];
}

export interface ContainerArgument {
  readonly index: number;
  readonly op: "SCMP_CMP_MASKED_EQ";
  /** The mask. */
  readonly value: number;
  readonly valueTwo: number;
}

const ARCHITECTURES = {
  x64: { name: "SCMP_ARCH_X86_64", column: 0 },
  arm64: { name: "SCMP_ARCH_AARCH64", column: 1 },
} as const;

/** The filters look at these bits alone, as `compileFilter` does. */
const LOW_32_BITS = 0xffff_ffff;

/**
 * The same table as `compileFilter`, in the words of libseccomp. Two things are otherwise: a call that is allowed
 * with some arguments only fails with EPERM for the others, whatever its row says, because libseccomp cannot say
 * both; and a call of a foreign architecture ends the process.
 */
export function containerFilter(architecture: FilterArchitecture): ContainerFilter {
  const { name, column } = ARCHITECTURES[architecture];
  const allowed = ALLOWED.flatMap(({ calls }) =>
    Object.entries(calls).flatMap(([call, numbers]) => (numbers[column] === null ? [] : [call])),
  );
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: ERRNO.EPERM,
    architectures: [name],
    syscalls: [
      { names: allowed, action: "SCMP_ACT_ALLOW" },
      ...RULES.filter(({ numbers }) => numbers[column] !== null).flatMap(callsOf),
    ],
  };
}

function callsOf({ call, allowed, errno }: CallRule): readonly ContainerCalls[] {
  if (allowed === "never")
    return [{ names: [call], action: "SCMP_ACT_ERRNO", errnoRet: ERRNO[errno ?? "EPERM"] }];
  return combinations(allowed).map((args) => ({ names: [call], action: "SCMP_ACT_ALLOW", args }));
}

/** One entry for each choice of values: entries of one call are alternatives, arguments of one entry are not. */
function combinations(tests: readonly ArgumentTest[]): readonly (readonly ContainerArgument[])[] {
  const [first, ...rest] = tests;
  if (first === undefined) return [[]];
  const { argument: index, mask = LOW_32_BITS, values } = first;
  return values.flatMap((valueTwo) =>
    combinations(rest).map((others) => [
      { index, op: "SCMP_CMP_MASKED_EQ" as const, value: mask, valueTwo },
      ...others,
    ]),
  );
}

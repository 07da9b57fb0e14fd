import { findAll } from "../../interpreters.ts";
import { compileRefusal } from "../../seccomp/compile-filter.ts";
import { LOAD_FILTER, PRCTL } from "../../seccomp/load-by-perl.ts";

const MEMBARRIER = { x64: 324, arm64: 283 } as const;

/**
 * Command line for a gVisor that starts more quickly. Each of its processes registers for membarrier(2) as it begins, and
 * waits for that until every processor of the machine has been seen to pass a certain point: 10 to 16 ms, for three
 * processes one after another. Only guests that ask for such barriers need it; where the kernel has none, gVisor does
 * without, and so do they. (Its later versions register in the background, and only where it is needed.)
 * Empty: this machine has no Perl, which can make system calls.
 */
export function withoutMembarrier(searchPath: string): readonly string[] {
  const { arch } = process;
  const [perl] = findAll("perl", searchPath);
  if (perl === undefined || (arch !== "x64" && arch !== "arm64")) return [];
  const filter = compileRefusal(arch, MEMBARRIER[arch]).toString("hex");
  return [perl, "-e", PERL, "--", String(PRCTL[arch]), filter];
}

/** It may fail. */
const PERL = `
my ($prctl, $hex) = (shift, shift);
my $filter = pack('H*', $hex);
${LOAD_FILTER};
exec { $ARGV[0] } @ARGV;
die "cannot run $ARGV[0]: $!";
`;

import { findAll } from "../../interpreters.ts";
import { compileRefusal } from "../../seccomp/compile-filter.ts";

/** Of membarrier(2), which is kept from it, and of prctl(2), by which that is done. */
const CALLS = { x64: { membarrier: 324, prctl: 157 }, arm64: { membarrier: 283, prctl: 167 } } as const;

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
  const { membarrier, prctl } = CALLS[arch];
  const filter = compileRefusal(arch, membarrier).toString("hex");
  return [perl, "-e", PERL, "--", String(prctl), filter];
}

/** PR_SET_SECCOMP is 22, SECCOMP_MODE_FILTER is 2; struct sock_fprog is a count, padding and a pointer. It may fail. */
const PERL = `
my ($prctl, $hex) = (shift, shift);
my $filter = pack('H*', $hex);
syscall($prctl + 0, 22, 2, pack('S x6 P', length($filter) / 8, $filter));
exec { $ARGV[0] } @ARGV;
die "cannot run $ARGV[0]: $!";
`;

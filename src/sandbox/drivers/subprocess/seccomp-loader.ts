import { findAll, findPython } from "../../interpreters.ts";
import { LOAD_FILTER, PRCTL } from "../../seccomp/load-by-perl.ts";
import { FD } from "./launch.ts";
import { INSIDE, readOnly } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";

/** A program that puts itself under a filter and then becomes the guest. */
export interface SeccompLoader {
  /** What must be visible for it. */
  readonly entries: readonly Entry[];
  /** Command line that the guest's follows. */
  command(withFilter: boolean): readonly string[];
}

/** Perl can make system calls by itself; else Python can, more slowly. Null: neither is there. */
export async function findSeccompLoader(searchPath: string): Promise<SeccompLoader | null> {
  const architecture = process.arch;
  if (architecture !== "x64" && architecture !== "arm64") return null;
  const [perl] = findAll("perl", searchPath);
  if (perl !== undefined) return perlLoader(perl, PRCTL[architecture]);
  try {
    const python = await findPython(null, { searchPath });
    return {
      entries: [python.executable, ...python.needs].map((source) => readOnly(source, source)),
      command: (withFilter) => [python.executable, "-I", "-S", "-c", PYTHON, withFilter ? "1" : "0"],
    };
  } catch {
    return null;
  }
}

const PERL = `
my ($prctl, $with_filter) = (shift, shift);
open(my $status, '>&=', ${FD.status}) or die "status: $!";
fcntl($status, 2, 1) or die "fcntl: $!";
select($status); $| = 1; select(STDOUT);
if ($with_filter) {
  open(my $file, '<&=', ${FD.seccomp}) or die "filter: $!";
  local $/;
  my $filter = <$file>;
  close($file);
  ${LOAD_FILTER} == 0 or die "seccomp: $!";
}
print $status '{"started":true}', "\\n";
exec { $ARGV[0] } @ARGV or print $status '{"started":false}', "\\n";
die "cannot run $ARGV[0]: $!";
`;

function perlLoader(perl: string, prctl: number): SeccompLoader {
  const program = `${INSIDE.bin}/perl`;
  return {
    entries: [{ kind: "read-only", source: perl, target: program, isFile: true }],
    command: (withFilter) => [program, "-e", PERL, "--", String(prctl), withFilter ? "1" : "0"],
  };
}

const PYTHON = `
import ctypes, fcntl, os, sys
with_filter, argv = sys.argv[1], sys.argv[2:]
fcntl.fcntl(${FD.status}, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
if with_filter == "1":
    with os.fdopen(${FD.seccomp}, "rb") as file:
        code = file.read()
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(22, 2, ctypes.byref(Program(len(code) // 8, code)), 0, 0) != 0:
        sys.exit("seccomp: %s" % os.strerror(ctypes.get_errno()))
os.write(${FD.status}, b'{"started":true}\\n')
try:
    os.execvp(argv[0], argv)
except OSError as error:
    os.write(${FD.status}, b'{"started":false}\\n')
    sys.exit("cannot run %s: %s" % (argv[0], error))
`;

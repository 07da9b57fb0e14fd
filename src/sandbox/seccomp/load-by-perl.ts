/** prctl(2) on x86-64 and on aarch64, by which a filter is loaded. */
export const PRCTL = { x64: 157, arm64: 167 } as const;

/**
 * In Perl, which can make system calls by itself: puts the process under the filter in `$filter`; 0 where that works.
 * `$prctl` is the number of the call. PR_SET_SECCOMP is 22, SECCOMP_MODE_FILTER is 2; struct sock_fprog is a count, padding and
 * a pointer.
 */
export const LOAD_FILTER = "syscall($prctl + 0, 22, 2, pack('S x6 P', length($filter) / 8, $filter))";

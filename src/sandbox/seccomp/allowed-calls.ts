/**
 * What programs in the sandbox may ask of the kernel: system calls by name, with their numbers on x86-64 and on
 * aarch64 (null: there is none), from the kernel's asm/unistd_64.h and asm-generic/unistd.h. It is enough for
 * CPython, Node.js, shells, jq, PHP, Perl, Go and Rust. All others fail with EPERM, those that this list is too
 * old to know with ENOSYS, so that libraries fall back to what is older.
 */
export interface CallGroup {
  readonly name: string;
  readonly why: string;
  readonly calls: Readonly<Record<string, CallNumbers>>;
}

/** [x86-64, aarch64] */
export type CallNumbers = readonly [number | null, number | null];

/** A call that is allowed with some arguments only. */
export interface CallRule {
  readonly call: string;
  readonly numbers: CallNumbers;
  readonly why: string;
  /** All must hold. Only the lower 32 bits count: these arguments have no more. `never`: refused with its own error. */
  readonly allowed: readonly ArgumentTest[] | "never";
  /** What it fails with otherwise; EPERM when not given. */
  readonly errno?: Errno;
}

export interface ArgumentTest {
  /** From 0. */
  readonly argument: number;
  /** Bits that are looked at; all when not given. */
  readonly mask?: number;
  readonly values: readonly number[];
}

/** Errors with the same number on both architectures. */
export const ERRNO = Object.freeze({ EPERM: 1, ENOTTY: 25, ENOSYS: 38, EOPNOTSUPP: 95 });
export type Errno = keyof typeof ERRNO;

/** Every system call up to this number is known, here or as one that is refused: Linux 6.1. */
export const NEWEST_KNOWN_CALL = 450;

export const ALLOWED: readonly CallGroup[] = [
  {
    name: "memory",
    why: "Memory of its own. Limits are the cgroup's.",
    calls: {
      brk: [12, 214],
      mmap: [9, 222],
      munmap: [11, 215],
      mremap: [25, 216],
      mprotect: [10, 226],
      madvise: [28, 233],
      msync: [26, 227],
      mincore: [27, 232],
      mlock: [149, 228],
      munlock: [150, 229],
      mlock2: [325, 284],
      mlockall: [151, 230],
      munlockall: [152, 231],
      pkey_mprotect: [329, 288],
      pkey_alloc: [330, 289],
      pkey_free: [331, 290],
      membarrier: [324, 283],
    },
  },
  {
    name: "files",
    why: "Files by path and descriptor: the mount namespace decides which there are.",
    calls: {
      read: [0, 63],
      write: [1, 64],
      readv: [19, 65],
      writev: [20, 66],
      pread64: [17, 67],
      pwrite64: [18, 68],
      preadv: [295, 69],
      pwritev: [296, 70],
      preadv2: [327, 286],
      pwritev2: [328, 287],
      open: [2, null],
      openat: [257, 56],
      openat2: [437, 437],
      creat: [85, null],
      close: [3, 57],
      close_range: [436, 436],
      lseek: [8, 62],
      dup: [32, 23],
      dup2: [33, null],
      dup3: [292, 24],
      pipe: [22, null],
      pipe2: [293, 59],
      fcntl: [72, 25],
      flock: [73, 32],
      fsync: [74, 82],
      fdatasync: [75, 83],
      sync_file_range: [277, 84],
      fadvise64: [221, 223],
      readahead: [187, 213],
      fallocate: [285, 47],
      truncate: [76, 45],
      ftruncate: [77, 46],
      sendfile: [40, 71],
      splice: [275, 76],
      tee: [276, 77],
      copy_file_range: [326, 285],
    },
  },
  {
    name: "names",
    why: "Names, kinds and times of files.",
    calls: {
      stat: [4, null],
      lstat: [6, null],
      fstat: [5, 80],
      newfstatat: [262, 79],
      statx: [332, 291],
      access: [21, null],
      faccessat: [269, 48],
      faccessat2: [439, 439],
      readlink: [89, null],
      readlinkat: [267, 78],
      getdents: [78, null],
      getdents64: [217, 61],
      getcwd: [79, 17],
      chdir: [80, 49],
      fchdir: [81, 50],
      rename: [82, null],
      renameat: [264, 38],
      renameat2: [316, 276],
      mkdir: [83, null],
      mkdirat: [258, 34],
      rmdir: [84, null],
      link: [86, null],
      linkat: [265, 37],
      unlink: [87, null],
      unlinkat: [263, 35],
      symlink: [88, null],
      symlinkat: [266, 36],
      chmod: [90, null],
      fchmod: [91, 52],
      fchmodat: [268, 53],
      umask: [95, 166],
      chown: [92, null],
      fchown: [93, 55],
      lchown: [94, null],
      fchownat: [260, 54],
      utime: [132, null],
      utimes: [235, null],
      futimesat: [261, null],
      utimensat: [280, 88],
      statfs: [137, 43],
      fstatfs: [138, 44],
      getxattr: [191, 8],
      lgetxattr: [192, 9],
      fgetxattr: [193, 10],
      listxattr: [194, 11],
      llistxattr: [195, 12],
      flistxattr: [196, 13],
      inotify_init: [253, null],
      inotify_init1: [294, 26],
      inotify_add_watch: [254, 27],
      inotify_rm_watch: [255, 28],
    },
  },
  {
    name: "waiting",
    why: "Waiting for descriptors, events and time.",
    calls: {
      poll: [7, null],
      ppoll: [271, 73],
      select: [23, null],
      pselect6: [270, 72],
      epoll_create: [213, null],
      epoll_create1: [291, 20],
      epoll_ctl: [233, 21],
      epoll_wait: [232, null],
      epoll_pwait: [281, 22],
      epoll_pwait2: [441, 441],
      eventfd: [284, null],
      eventfd2: [290, 19],
      signalfd: [282, null],
      signalfd4: [289, 74],
      timerfd_create: [283, 85],
      timerfd_settime: [286, 86],
      timerfd_gettime: [287, 87],
      nanosleep: [35, 101],
      clock_nanosleep: [230, 115],
      pause: [34, null],
      alarm: [37, null],
      getitimer: [36, 102],
      setitimer: [38, 103],
      timer_create: [222, 107],
      timer_settime: [223, 110],
      timer_gettime: [224, 108],
      timer_getoverrun: [225, 109],
      timer_delete: [226, 111],
      futex: [202, 98],
      futex_waitv: [449, 449],
      sched_yield: [24, 124],
      restart_syscall: [219, 128],
    },
  },
  {
    name: "clocks",
    why: "Reading clocks; none can be set.",
    calls: {
      time: [201, null],
      gettimeofday: [96, 169],
      clock_gettime: [228, 113],
      clock_getres: [229, 114],
      times: [100, 153],
    },
  },
  {
    name: "processes",
    why: "Processes and threads in its own pid namespace. Their number is limited.",
    calls: {
      fork: [57, null],
      vfork: [58, null],
      execve: [59, 221],
      execveat: [322, 281],
      exit: [60, 93],
      exit_group: [231, 94],
      wait4: [61, 260],
      waitid: [247, 95],
      set_tid_address: [218, 96],
      set_robust_list: [273, 99],
      rseq: [334, 293],
      getpid: [39, 172],
      getppid: [110, 173],
      gettid: [186, 178],
      getpgid: [121, 155],
      setpgid: [109, 154],
      getpgrp: [111, null],
      getsid: [124, 156],
      setsid: [112, 157],
      pidfd_open: [434, 434],
      pidfd_send_signal: [424, 424],
      arch_prctl: [158, null],
    },
  },
  {
    name: "signals",
    why: "Signals reach only its own pid namespace.",
    calls: {
      kill: [62, 129],
      tkill: [200, 130],
      tgkill: [234, 131],
      rt_sigaction: [13, 134],
      rt_sigprocmask: [14, 135],
      rt_sigpending: [127, 136],
      rt_sigsuspend: [130, 133],
      rt_sigtimedwait: [128, 137],
      rt_sigreturn: [15, 139],
      rt_sigqueueinfo: [129, 138],
      rt_tgsigqueueinfo: [297, 240],
      sigaltstack: [131, 132],
    },
  },
  {
    name: "identity",
    why: "Asking who and where it is. It can become nobody else.",
    calls: {
      getuid: [102, 174],
      geteuid: [107, 175],
      getgid: [104, 176],
      getegid: [108, 177],
      getresuid: [118, 148],
      getresgid: [120, 150],
      getgroups: [115, 158],
      capget: [125, 90],
      uname: [63, 160],
      sysinfo: [99, 179],
      getcpu: [309, 168],
      getrandom: [318, 278],
      getrlimit: [97, 163],
      getrusage: [98, 165],
      setrlimit: [160, 164],
      getpriority: [140, 141],
      sched_getaffinity: [204, 123],
      sched_getparam: [143, 121],
      sched_getscheduler: [145, 120],
      sched_get_priority_max: [146, 125],
      sched_get_priority_min: [147, 126],
      sched_rr_get_interval: [148, 127],
      ioprio_get: [252, 31],
    },
  },
  {
    name: "pipes",
    why: "Talking over sockets that it has: its standard streams, and pairs of its own. `socket`, `connect`, `bind` and `listen` are missing: there is no one to talk to.",
    calls: {
      sendto: [44, 206],
      sendmsg: [46, 211],
      sendmmsg: [307, 269],
      recvfrom: [45, 207],
      recvmsg: [47, 212],
      recvmmsg: [299, 243],
      shutdown: [48, 210],
      getsockname: [51, 204],
      getpeername: [52, 205],
      getsockopt: [55, 209],
    },
  },
];

/** CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID and NET. */
const CLONE_NAMESPACES = 0x7e02_0000;
const AF_UNIX = 1;
const SOL_SOCKET = 1;
/** File types of mknod(2): none given, named pipe, regular file; not devices. */
const S_IFMT = 0o170_000;
const S_IFIFO = 0o010_000;
const S_IFREG = 0o100_000;

export const RULES: readonly CallRule[] = [
  {
    call: "clone",
    numbers: [56, 220],
    why: "threads and processes, but no new namespaces: those are where many holes of the kernel were",
    allowed: [{ argument: 0, mask: CLONE_NAMESPACES, values: [0] }],
  },
  {
    call: "clone3",
    numbers: [435, 435],
    why: "its flags are in memory, where a filter cannot read them; libraries fall back to clone",
    allowed: "never",
    errno: "ENOSYS",
  },
  {
    call: "socketpair",
    numbers: [53, 199],
    why: "pairs of its own; event loops wake themselves with them",
    allowed: [{ argument: 0, values: [AF_UNIX] }],
  },
  {
    call: "setsockopt",
    numbers: [54, 208],
    why: "sizes and times of buffers (SO_SNDBUF, RCVBUF, PASSCRED, RCVTIMEO, SNDTIMEO); no filters",
    allowed: [
      { argument: 1, values: [SOL_SOCKET] },
      { argument: 2, values: [7, 8, 16, 20, 21] },
    ],
  },
  {
    call: "ioctl",
    numbers: [16, 29],
    why: "FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, and what a terminal is asked (TCGETS, TIOCGPGRP, TIOCGWINSZ); TIOCSTI and TIOCLINUX would type into one",
    allowed: [{ argument: 1, values: [0x541b, 0x5421, 0x5451, 0x5450, 0x5401, 0x540f, 0x5413] }],
    errno: "ENOTTY",
  },
  {
    call: "prctl",
    numbers: [157, 167],
    why: "PDEATHSIG, DUMPABLE, NAME, TIMERSLACK, CHILD_SUBREAPER, NO_NEW_PRIVS, THP_DISABLE, VMA names, and asking",
    allowed: [
      {
        argument: 0,
        values: [1, 2, 3, 4, 7, 15, 16, 21, 23, 27, 29, 30, 36, 37, 38, 39, 41, 42, 0x5356_4d41],
      },
    ],
  },
  {
    call: "prlimit64",
    numbers: [302, 261],
    why: "its own limits only: a run must not lower those of the process that the next run is forked from",
    allowed: [{ argument: 0, values: [0] }],
  },
  {
    call: "setpriority",
    numbers: [141, 140],
    why: "its own priority only",
    allowed: [
      { argument: 0, values: [0] },
      { argument: 1, values: [0] },
    ],
  },
  {
    call: "sched_setaffinity",
    numbers: [203, 122],
    why: "its own processors only",
    allowed: [{ argument: 0, values: [0] }],
  },
  {
    call: "personality",
    numbers: [135, 92],
    why: "asking, and the default; others make memory's addresses guessable",
    allowed: [{ argument: 0, values: [0, 0xffff_ffff] }],
  },
  {
    call: "mknod",
    numbers: [133, null],
    why: "named pipes and files; no devices",
    allowed: [{ argument: 1, mask: S_IFMT, values: [0, S_IFIFO, S_IFREG] }],
  },
  {
    call: "mknodat",
    numbers: [259, 33],
    why: "named pipes and files; no devices",
    allowed: [{ argument: 2, mask: S_IFMT, values: [0, S_IFIFO, S_IFREG] }],
  },
  ...(["setxattr", "lsetxattr", "fsetxattr"] as const).map((call, index) => ({
    call,
    numbers: [188 + index, 5 + index] as const,
    why: "memory of the kernel that is counted for nobody; copying programs are used to file systems without",
    allowed: "never" as const,
    errno: "EOPNOTSUPP" as const,
  })),
];

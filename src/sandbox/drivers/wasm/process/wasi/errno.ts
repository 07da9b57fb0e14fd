/** Numbers of WASI preview 1, `errno`. */
export const ERRNO = {
  success: 0,
  tooBig: 1,
  access: 2,
  badDescriptor: 8,
  exists: 20,
  fault: 21,
  fileTooBig: 22,
  illegalBytes: 25,
  invalid: 28,
  io: 29,
  isFolder: 31,
  tooManyOpen: 33,
  nameTooLong: 37,
  noEntry: 44,
  noSpace: 51,
  notImplemented: 52,
  notFolder: 54,
  notEmpty: 55,
  notSupported: 58,
  notPermitted: 63,
  readOnly: 69,
  noSeek: 70,
  notCapable: 76,
} as const;

/** What a call of the guest's came to, other than success. */
export class WasiError extends Error {
  readonly errno: number;

  constructor(errno: keyof typeof ERRNO) {
    super(errno);
    this.errno = ERRNO[errno];
  }
}

/** The guest called `proc_exit`. */
export class GuestExit extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

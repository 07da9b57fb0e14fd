/** The error of a call's `result`, as the glue wants it thrown: any other exception is a trap. */
export class ComponentError extends Error {
  readonly payload: unknown;

  constructor(payload: unknown) {
    super("a call was answered with an error");
    this.payload = payload;
  }
}

/** What an imported function gives back, or throws, that is `ComponentError`. */
export type Interface = Readonly<Record<string, unknown>>;

/** Nothing can be waited for in a component. `promise-polyfill` looks for it when it is loaded. */
globalThis.setTimeout ??= ((): never => {
  throw new Error("there are no timers in a WebAssembly component");
}) as unknown as typeof setTimeout;

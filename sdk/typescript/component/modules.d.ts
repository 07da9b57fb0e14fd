/** What the bundle has from elsewhere: the component's imports, and packages without types of their own. */
declare module "wasi:random/random@0.2.0" {
  const random: { readonly getRandomBytes: (length: number) => Uint8Array };
  export default random;
}
declare module "promise-polyfill" {
  const SettledLater: PromiseConstructor & {
    _immediateFn: (work: () => void) => void;
    _unhandledRejectionFn: (reason: unknown) => void;
  };
  export default SettledLater;
}
declare module "core-js-pure/web/url.js" {
  const URL: unknown;
  export default URL;
}
declare module "core-js-pure/web/url-search-params.js" {
  const URLSearchParams: unknown;
  export default URLSearchParams;
}

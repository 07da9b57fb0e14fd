/** Interfaces that a component may import, with the versions that are understood. */
const OFFERED: readonly RegExp[] = [
  /^wasi:(?:io\/(?:error|poll|streams)|clocks\/(?:monotonic-clock|wall-clock)|random\/(?:random|insecure|insecure-seed)|filesystem\/(?:types|preopens)|sockets\/(?:network|instance-network|tcp|tcp-create-socket|udp|udp-create-socket|ip-name-lookup)|cli\/(?:environment|exit|stdin|stdout|stderr|terminal-(?:input|output|stdin|stdout|stderr)))@0\.2\.\d+$/u,
  /^whiskers:normalizer\/(?:types|output)@1\.\d+\.\d+$/u,
];
const RUN = "run: func(meta: string, raws: list<raw-file>) -> result<_, failure>";
const TYPES = /^ {2}use whiskers:normalizer\/types@1\.\d+\.\d+\.\{(?<names>[^}]*)\};$/gmu;

/**
 * Why a component is none that we run, or null: one of the world `whiskers:normalizer/normalizer@1`, that asks for nothing
 * that is not offered.
 * @param wit the world that it is of, as the component itself says it, written by the transpiler's tools
 */
export function inspectWit(wit: string): string | null {
  for (const [, name = ""] of wit.matchAll(/^ {2}import (\S+?)[;:]?(?: .*)?$/gmu)) {
    if (!OFFERED.some((pattern) => pattern.test(name))) {
      return `it imports ${JSON.stringify(name.slice(0, 200))}, which is not offered: docs/runtimes/wasm.md`;
    }
  }
  const exported = /^ {2}export (?<what>run: .*);$/mu.exec(wit)?.groups?.["what"];
  if (exported === undefined)
    return "it exports no function run: it is not of the world whiskers:normalizer@1";
  const names = [...wit.matchAll(TYPES)].flatMap(({ groups }) => groups?.["names"]?.split(", ") ?? []);
  if (exported !== RUN || !names.includes("raw-file") || !names.includes("failure")) {
    return `it exports ${exported.slice(0, 200)}, and of the world whiskers:normalizer@1 it is ${RUN}`;
  }
  return null;
}

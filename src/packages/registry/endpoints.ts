/** How registries are reached: settings of the supervisor's and of the command line, read once. */
export interface RegistryOptions {
  /** Where to look first, by the registry that images are named after; hosts, with a port where needed. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
  /** Hosts, with their port, that may be talked to without TLS. Loopback always may. */
  readonly plainHttp: readonly string[];
  /** PEM: trusted beside the usual authorities; null: none. */
  readonly certificateAuthority: string | null;
  /** Folder of Docker's `config.json`; null: nobody's credentials are looked for. */
  readonly dockerConfig: string | null;
  /** `HTTPS_PROXY` and `NO_PROXY`, as everywhere; loopback is never proxied. */
  readonly proxy: { readonly https: string | null; readonly except: string | null };
}

/** One server that a registry's images may come from. */
export interface Endpoint {
  /** As in references and in Docker's config: the mirror's own name, if it is one. */
  readonly registry: string;
  /** Host and port. */
  readonly host: string;
  readonly isMirror: boolean;
}

/** What Docker Hub's server is called. */
const SERVERS: Readonly<Record<string, string>> = { "docker.io": "registry-1.docker.io" };

/** Where to ask, in this order. Only the last one is ever written to. */
export function endpointsOf(registry: string, { mirrors }: RegistryOptions): readonly Endpoint[] {
  const own: Endpoint = { registry, host: SERVERS[registry] ?? registry, isMirror: false };
  const before = mirrors[registry] ?? [];
  return [...before.map((host) => ({ registry: host, host, isMirror: true })), own];
}

/** Whether a server may be talked to without TLS. */
export function allowsPlainHttp(host: string, { plainHttp }: RegistryOptions): boolean {
  return (
    isLoopback(host) || plainHttp.some((named) => withoutDefaultPort(named) === withoutDefaultPort(host))
  );
}

/** As addresses are written. */
function withoutDefaultPort(host: string): string {
  return host.toLowerCase().replace(/:80$/u, "");
}

/** @param host with or without a port */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/u, "");
  return name === "localhost" || name === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/u.test(name);
}

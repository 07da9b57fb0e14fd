import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";

import {
  digestOf,
  type NastyRegistry,
  startNastyRegistry,
  type Trick,
} from "../../../test/fixtures/nasty-registry.ts";
import { REGISTRY_OPTIONS } from "../../../test/fixtures/registry-options.ts";
import { type ErrorCode, WhiskersError } from "../../errors.ts";
import { MEDIA_TYPES } from "../images/descriptor.ts";
import { type ImageStore, openImageStore } from "../images/image-store.ts";
import { parseReference } from "../images/reference.ts";
import type { RegistryOptions } from "./endpoints.ts";
import { type Pulled, pullImage } from "./pull-image.ts";
import { type Pushed, pushImage } from "./push-image.ts";
import { type ClientLimits, openRegistryClient } from "./registry-client.ts";
import { registrySource, registryTarget } from "./registry-ends.ts";
import { openRequests } from "./requests.ts";

/** Short, so that what takes too long does so soon. */
const TIMES = { connectMs: 1000, silentMs: 300, wholeMs: 500, leastBytes: 1000, windowMs: 300, retryMs: 1 };
const LAYER = randomBytes(300_000);
const NEVER = new AbortController().signal;
/** Of each test: nobody is kept waiting. */
const timeout = 20_000;

const isBlob = (request: IncomingMessage): boolean => request.url?.includes(digestOf(LAYER)) === true;
const isManifest = (request: IncomingMessage): boolean => request.url?.includes("/manifests/") === true;

/** For what is a blob's request: an answer. */
const onBlob =
  (answer: (response: ServerResponse, request: IncomingMessage) => void): Trick =>
  (request, response) => {
    if (!isBlob(request)) return false;
    answer(response, request);
    return true;
  };
const onManifest =
  (answer: (response: ServerResponse, request: IncomingMessage, registry: NastyRegistry) => void): Trick =>
  (request, response, registry) => {
    if (!isManifest(request)) return false;
    answer(response, request, registry);
    return true;
  };
/** Says 401 to whoever has no token, and where to get one. */
const asksAt =
  (realm: (registry: NastyRegistry) => string, token: (response: ServerResponse) => void): Trick =>
  (request, response, registry) => {
    if (request.url?.startsWith("/token") === true) token(response);
    else
      response
        .writeHead(401, {
          "www-authenticate": `Bearer realm="${realm(registry)}",service="s",scope="repository:victim:push"`,
        })
        .end();
    return true;
  };
const here = ({ host }: NastyRegistry): string => `http://${host}/token`;
const endlessly = (response: ServerResponse): void => {
  const more = (): void => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536, " ")));
    if (!response.destroyed) response.once("drain", more);
  };
  more();
};

const HOSTILE: Readonly<Record<string, readonly [trick: Trick, code: ErrorCode, message: RegExp]>> = {
  "a blob of another digest": [
    onBlob((response) => response.end(randomBytes(LAYER.length))),
    "content-mismatch",
    /was expected: got sha256/u,
  ],
  "a blob that is shorter than it should be": [
    onBlob((response) => response.writeHead(200, { "content-length": 100 }).end(LAYER.subarray(0, 100))),
    "content-mismatch",
    /has 100 bytes instead of 300000/u,
  ],
  "a blob that ends early": [
    onBlob((response) =>
      response.writeHead(200, { "transfer-encoding": "chunked" }).end(LAYER.subarray(0, 100)),
    ),
    "registry-unavailable",
    /broke off at byte 100 of 300000/u,
  ],
  "a connection that breaks in a blob, each time": [
    onBlob((response) => {
      response.writeHead(200, { "content-length": LAYER.length });
      response.write(LAYER.subarray(0, 100), () => response.destroy());
    }),
    "registry-unavailable",
    /asked for/u,
  ],
  "an endless blob": [
    onBlob((response) => {
      response.writeHead(200);
      endlessly(response);
    }),
    "content-mismatch",
    /more than 300000 bytes/u,
  ],
  "a blob that is compressed on the way": [
    onBlob((response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(LAYER))),
    "content-mismatch",
    /expected|instead/u,
  ],
  "a blob that trickles": [
    onBlob((response) => {
      response.writeHead(200, { "content-length": LAYER.length });
      const timer = setInterval(() => response.write("x"), 20);
      response.on("close", () => {
        clearInterval(timer);
      });
    }),
    "registry-unavailable",
    /too slow/u,
  ],
  "headers that trickle": [
    onManifest((response) => {
      response.socket?.write("HTTP/1.1 200 OK\r\n");
      const timer = setInterval(() => response.socket?.write("x: y\r\n"), 50);
      response.socket?.on("close", () => {
        clearInterval(timer);
      });
    }),
    "registry-unavailable",
    /manifests/u,
  ],
  silence: [onManifest(() => {}), "registry-unavailable", /manifests/u],
  "another part than was asked for": [
    onBlob((response, request) => {
      if (request.headers.range === undefined) {
        response.writeHead(200, { "content-length": LAYER.length });
        response.write(LAYER.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
      } else {
        const range = `bytes 0-${LAYER.length - 1}/${LAYER.length}`;
        response.writeHead(206, { "content-range": range }).end(LAYER);
      }
    }),
    "registry-violation",
    /another part/u,
  ],
  "redirects in a circle": [
    onBlob((response, request) => response.writeHead(307, { location: request.url }).end()),
    "registry-violation",
    /more than 5 times/u,
  ],
  "a redirect to nowhere": [
    onBlob((response) => response.writeHead(307).end()),
    "registry-violation",
    /nowhere/u,
  ],
  "a redirect to a file": [
    onBlob((response) => response.writeHead(307, { location: "file:///etc/passwd" }).end()),
    "registry-violation",
    /nowhere/u,
  ],
  "a redirect with a password in it": [
    onBlob((response) => response.writeHead(307, { location: "https://a:b@registry.example/" }).end()),
    "registry-violation",
    /nowhere/u,
  ],
  "a redirect to where there is no TLS": [
    onBlob((response) => response.writeHead(307, { location: "http://registry.example/" }).end()),
    "registry-untrusted",
    /registry\.example without TLS/u,
  ],
  "401 for ever, with a token": [
    asksAt(here, (response) => response.end('{"token":"abc"}')),
    "registry-credentials",
    /does not let us repository:x:pull/u,
  ],
  "401 for ever, with a password that we have not": [
    (_request, response) => {
      response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
      return true;
    },
    "registry-credentials",
    /asks for a user name/u,
  ],
  "401 without a way out": [
    (_request, response) => {
      response.writeHead(401).end();
      return true;
    },
    "registry-violation",
    /names no way/u,
  ],
  "a token server that is a file": [
    asksAt(
      () => "file:///etc/passwd",
      () => {},
    ),
    "registry-violation",
    /no token server/u,
  ],
  "a token server without TLS": [
    asksAt(
      () => "http://token.example/",
      () => {},
    ),
    "registry-untrusted",
    /without TLS/u,
  ],
  "a token server that sends on": [
    asksAt(here, (response) => response.writeHead(307, { location: "https://token.example" }).end()),
    "registry-violation",
    /307/u,
  ],
  "a token server without a token": [
    asksAt(here, (response) => response.end("{}")),
    "registry-violation",
    /without a token/u,
  ],
  "a token with a header in it": [
    asksAt(here, (response) => response.end('{"token":"a\\r\\nx: y"}')),
    "registry-violation",
    /without a token/u,
  ],
  "a token server that gives no JSON": [
    asksAt(here, (response) => response.end("<html>")),
    "registry-violation",
    /no JSON/u,
  ],
  "an endless token": [asksAt(here, endlessly), "registry-violation", /more than 262144 bytes/u],
  "a token server that is silent": [asksAt(here, () => {}), "registry-unavailable", /token/u],
  "an endless manifest": [onManifest(endlessly), "registry-violation", /more than 4194304 bytes/u],
  "a manifest that trickles": [
    onManifest((response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(" "), 50);
      response.on("close", () => {
        clearInterval(timer);
      });
    }),
    "registry-unavailable",
    /no answer in time/u,
  ],
  "a manifest that is a page": [
    onManifest((response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>")),
    "image-invalid",
    /no JSON/u,
  ],
  "a manifest with the type of an index": [
    onManifest((response, _request, { manifests }) =>
      response.writeHead(200, { "content-type": MEDIA_TYPES.index }).end(manifests.get("1")?.text),
    ),
    "registry-violation",
    /which is application\/vnd.oci.image.manifest/u,
  ],
  "a manifest of before 2016": [
    onManifest((response) => response.end('{"schemaVersion":1,"fsLayers":[]}')),
    "image-invalid",
    /schemaVersion is not 2/u,
  ],
  "a manifest with another digest than it says": [
    onManifest((response, _request, { manifests }) =>
      response
        .writeHead(200, { "docker-content-digest": digestOf(Buffer.from("x")) })
        .end(manifests.get("1")?.text),
    ),
    "content-mismatch",
    /instead of sha256/u,
  ],
  "a manifest with layers of a terabyte": [
    onManifest((response, _request, { manifests }) =>
      response.end(manifests.get("1")?.text.toString().replace('"size":300000', '"size":1099511627776')),
    ),
    "image-too-large",
    /more than 17179869184/u,
  ],
  "an index of indexes": [
    onManifest((response, request, { manifests }) => {
      const index = (digest: string, size: number): string =>
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MEDIA_TYPES.index,
          manifests: [{ mediaType: MEDIA_TYPES.index, digest, size }],
        });
      const inner = index(digestOf(Buffer.from("")), 0);
      manifests.set("inner", { mediaType: MEDIA_TYPES.index, text: Buffer.from(inner) });
      response.end(
        request.url?.endsWith("/1") === true ? index(digestOf(Buffer.from(inner)), inner.length) : inner,
      );
    }),
    "image-invalid",
    /an index of indexes/u,
  ],
  "errors that would hurt a terminal": [
    onManifest((response) => response.writeHead(403).end("\u001b[2J\u0007denied")),
    "registry-refused",
    /403: {1,2}\[2J denied/u,
  ],
};

suite("pulling from a hostile registry", () => {
  for (const [what, [trick, code, message]] of Object.entries(HOSTILE)) {
    test(`${what} ends with ${code}, and with nothing installed`, { timeout }, async (t) => {
      await using registry = await startNastyRegistry(trick);
      registry.add("1", LAYER);
      const store = await temporaryStore(t);
      await assert.rejects(pull(store, registry), isError(code, message));
      assert.deepEqual(await store.list(), []);
      const blobs = path.join(store.folder, "blobs/sha256");
      for (const hex of readdirSync(blobs))
        assert.equal(digestOf(readFileSync(path.join(blobs, hex))), `sha256:${hex}`);
      assert.ok(registry.requests.length <= 30, `${registry.requests.length} requests`);
    });
  }

  test("can be cancelled at any time", { timeout }, async (t) => {
    await using registry = await startNastyRegistry(onBlob((response) => response.writeHead(200).write("x")));
    registry.add("1", LAYER);
    const store = await temporaryStore(t);
    await assert.rejects(pull(store, registry, {}, AbortSignal.timeout(100)), (error) => {
      assert.ok(error instanceof WhiskersError);
      return true;
    });
    const controller = new AbortController();
    setTimeout(() => {
      controller.abort();
    }, 100);
    await assert.rejects(pull(store, registry, {}, controller.signal), isError("cancelled", /cancelled/u));
    assert.deepEqual(await store.list(), []);
  });
});

suite("pulling from a registry that has trouble", () => {
  test("a tag that moves meanwhile makes no difference: it is asked for once", { timeout }, async (t) => {
    await using registry = await startNastyRegistry((request, _response, self) => {
      if (isManifest(request) && self.requests.length > 1) self.add("1", randomBytes(10));
      return false;
    });
    const { manifest } = registry.add("1", LAYER);
    const inner = registry.manifests.get(manifest);
    assert.ok(inner !== undefined);
    const index = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.index,
        manifests: [{ mediaType: inner.mediaType, digest: manifest, size: inner.text.length }],
      }),
    );
    registry.manifests.set("1", { mediaType: MEDIA_TYPES.index, text: index });
    const store = await temporaryStore(t);
    const pulled = await pull(store, registry);
    assert.equal(pulled.descriptor.digest, digestOf(index));
    assert.equal(pulled.image.digest, manifest);
    assert.equal(registry.requests.filter((line) => line.endsWith("/manifests/1")).length, 1);
    assert.deepEqual(await store.resolve(referenceTo(registry)), pulled.descriptor);
  });

  test("a connection that breaks is followed by one that goes on where it ended", { timeout }, async (t) => {
    const ranges: (string | undefined)[] = [];
    await using registry = await startNastyRegistry((request, response) => {
      if (!isBlob(request)) return false;
      ranges.push(request.headers.range);
      const from = Number(/\d+/u.exec(request.headers.range ?? "0")?.[0]);
      if (from >= 200_000) return false;
      const headers = {
        "content-length": LAYER.length - from,
        "content-range": `bytes ${from}-299999/300000`,
      };
      response.writeHead(from === 0 ? 200 : 206, headers);
      response.write(LAYER.subarray(from, from + 100_000), () => setTimeout(() => response.destroy(), 50));
      return true;
    });
    registry.add("1", LAYER);
    const store = await temporaryStore(t);
    await pull(store, registry);
    assert.deepEqual(ranges, [undefined, "bytes=100000-", "bytes=200000-"]);
  });

  test("a registry that knows no parts is read from the beginning", { timeout }, async (t) => {
    let number = 0;
    await using registry = await startNastyRegistry((request, response) => {
      if (!isBlob(request)) return false;
      number += 1;
      response.writeHead(200, { "content-length": LAYER.length });
      if (number === 1)
        response.write(LAYER.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
      else response.end(LAYER);
      return true;
    });
    registry.add("1", LAYER);
    await pull(await temporaryStore(t), registry);
    assert.equal(number, 2);
  });

  test("what fails for now is tried again", { timeout }, async (t) => {
    const failures = [503, 429, 500, 408];
    await using registry = await startNastyRegistry((request, response) => {
      const status = isManifest(request) || isBlob(request) ? failures.pop() : undefined;
      if (status !== undefined) response.writeHead(status).end();
      return status !== undefined;
    });
    registry.add("1", LAYER);
    await pull(await temporaryStore(t), registry);
    assert.deepEqual(failures, []);
  });

  test(
    "a token is asked for once, for what we need and not for what the registry says",
    { timeout },
    async (t) => {
      const asked: string[] = [];
      await using registry = await startNastyRegistry((request, response, self) => {
        if (request.url?.startsWith("/token") === true) {
          asked.push(request.url);
          response.end('{"access_token":"abc","expires_in":300}');
        } else if (request.headers.authorization !== "Bearer abc")
          return asksAt(here, () => {})(request, response, self);
        else return false;
        return true;
      });
      registry.add("1", LAYER);
      await pull(await temporaryStore(t), registry);
      assert.deepEqual(asked, ["/token?service=s&scope=repository%3Ax%3Apull"]);
    },
  );

  test("a refresh token goes to the token server alone", { timeout }, async (t) => {
    let form = "";
    await using registry = await startNastyRegistry((request, response, self) => {
      if (request.url?.startsWith("/token") === true) {
        request.on("data", (chunk: Buffer) => (form += chunk.toString()));
        request.on("end", () => response.end('{"access_token":"abc"}'));
      } else if (request.headers.authorization !== "Bearer abc")
        return asksAt(here, () => {})(request, response, self);
      else return false;
      return true;
    });
    registry.add("1", LAYER);
    const dockerConfig = writeConfig(t, { auths: { [registry.host]: { identitytoken: "refresh+me" } } });
    await pull(await temporaryStore(t), registry, { dockerConfig });
    assert.match(form, /grant_type=refresh_token/u);
    assert.match(form, /refresh_token=refresh%2Bme/u);
    assert.ok(registry.authorizations.every((header) => header === "Bearer abc"));
  });

  test("credentials never leave their origin, also when a redirect does", { timeout }, async (t) => {
    await using storage = await startNastyRegistry();
    await using registry = await startNastyRegistry((request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
      } else if (isBlob(request)) {
        response.writeHead(307, { location: `http://${storage.host}${request.url ?? ""}` }).end();
      } else return false;
      return true;
    });
    registry.add("1", LAYER);
    storage.add("1", LAYER);
    const auth = Buffer.from("nora:secret").toString("base64");
    const dockerConfig = writeConfig(t, { auths: { [registry.host]: { auth } } });
    await pull(await temporaryStore(t), registry, { dockerConfig });
    assert.deepEqual(storage.requests, [`GET /v2/x/blobs/${digestOf(LAYER)}`]);
    assert.deepEqual(storage.authorizations, []);
    assert.ok(registry.authorizations.length > 0);
  });

  test("a registry elsewhere sends nobody to this machine, and to no place without TLS", () => {
    const requests = openRequests({ ...REGISTRY_OPTIONS, plainHttp: ["named.example:80"] }, TIMES);
    const endpoint = { registry: "r.example", host: "r.example", isMirror: false };
    const follow = (location: string): string =>
      requests.locationOf(
        { url: new URL("https://r.example/v2/"), status: 307, headers: { location }, body: null as never },
        endpoint,
      ).href;
    assert.equal(follow("https://cdn.example/x?y=1"), "https://cdn.example/x?y=1");
    assert.equal(follow("../z"), "https://r.example/z");
    assert.equal(follow("http://named.example:80/x").slice(0, 20), "http://named.example");
    for (const location of [
      "https://127.0.0.1/x",
      "https://localhost:1/x",
      "http://[::1]:5000/",
      "https://127.1/",
    ]) {
      assert.throws(() => follow(location), isError("registry-violation", /on this machine/u), location);
    }
    assert.throws(() => follow("http://cdn.example/"), isError("registry-untrusted", /without TLS/u));
  });
});

suite("pushing to a registry that has trouble", () => {
  test("an upload that breaks goes on where the registry says that it ended", { timeout }, async (t) => {
    let broken = 0;
    await using registry = await startNastyRegistry((request, _response) => {
      if (request.method !== "PATCH" || broken > 0 || Number(request.headers["content-length"]) < 1000)
        return false;
      broken += 1;
      request.once("data", () => request.destroy());
      return false;
    });
    const store = await temporaryStore(t);
    await push(store, registry);
    assert.equal(broken, 1);
    assert.deepEqual(registry.blobs.get(digestOf(LAYER)), LAYER);
    assert.ok(registry.requests.some((line) => line.startsWith("GET /v2/x/blobs/uploads/")));
  });

  test("what is larger than one request may be goes in several", { timeout }, async (t) => {
    await using registry = await startNastyRegistry();
    await push(await temporaryStore(t), registry, { chunkBytes: 100_000 });
    assert.deepEqual(registry.blobs.get(digestOf(LAYER)), LAYER);
    assert.equal(registry.requests.filter((line) => line.startsWith("PATCH")).length, 4);
  });

  const tricks: Readonly<Record<string, readonly [Trick, ErrorCode, RegExp]>> = {
    "a registry that takes nothing": [
      (request, response) => {
        if (request.method !== "PATCH") return false;
        request
          .resume()
          .on("end", () => response.writeHead(202, { location: request.url, range: "0-0" }).end());
        return true;
      },
      "registry-unavailable",
      /takes no more than 0 bytes/u,
    ],
    "a registry that says that it has more than we sent": [
      (request, response) => {
        if (request.method !== "PATCH") return false;
        request
          .resume()
          .on("end", () => response.writeHead(202, { location: request.url, range: "0-999999999" }).end());
        return true;
      },
      "registry-violation",
      /more than we sent/u,
    ],
    "a registry that reads nothing": [
      (request) => request.method === "PATCH" && request.pause() === request,
      "registry-unavailable",
      /too slow|takes no more/u,
    ],
    "an upload that is sent away to a place without TLS": [
      (request, response) => {
        if (request.method !== "POST") return false;
        response.writeHead(202, { location: "http://storage.example/x" }).end();
        return true;
      },
      "registry-untrusted",
      /storage\.example without TLS/u,
    ],
    "a registry that says it has another manifest": [
      (request, response) => {
        if (request.method !== "PUT" || !isManifest(request)) return false;
        response.writeHead(201, { "docker-content-digest": digestOf(LAYER) }).end();
        return true;
      },
      "content-mismatch",
      /says that it is/u,
    ],
    "a registry that redirects an upload": [
      (request, response) => {
        if (request.method !== "PUT") return false;
        response.writeHead(307, { location: "https://elsewhere.example/" }).end();
        return true;
      },
      "registry-violation",
      /307/u,
    ],
    "a registry that is read-only": [
      (request, response) => {
        if (request.method !== "POST") return false;
        response.writeHead(405).end('{"errors":[{"code":"UNSUPPORTED","message":"read-only"}]}');
        return true;
      },
      "registry-refused",
      /405: UNSUPPORTED: read-only/u,
    ],
  };
  for (const [what, [trick, code, message]] of Object.entries(tricks)) {
    test(`${what} ends with ${code}`, { timeout }, async (t) => {
      await using registry = await startNastyRegistry(trick);
      await assert.rejects(push(await temporaryStore(t), registry), isError(code, message));
      assert.equal(registry.manifests.size, 0);
    });
  }
});

async function pull(
  store: ImageStore,
  registry: NastyRegistry,
  options: Partial<RegistryOptions> = {},
  signal: AbortSignal = NEVER,
): Promise<Pulled> {
  const client = openRegistryClient({ ...REGISTRY_OPTIONS, ...options }, TIMES);
  try {
    const reference = referenceTo(registry);
    return await pullImage(store, registrySource(client, reference), reference, { signal });
  } finally {
    await client.close();
  }
}

async function push(
  store: ImageStore,
  registry: NastyRegistry,
  limits: Partial<ClientLimits> = {},
): Promise<Pushed> {
  const config = await store.put(once(Buffer.from("{}")), { mediaType: MEDIA_TYPES.config });
  const layer = await store.put(once(LAYER), { mediaType: MEDIA_TYPES.layerTar });
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers: [layer] };
  const image = await store.put(once(Buffer.from(JSON.stringify(manifest))), {
    mediaType: MEDIA_TYPES.manifest,
  });
  const client = openRegistryClient(REGISTRY_OPTIONS, { ...TIMES, ...limits });
  try {
    return await pushImage(store, image, await registryTarget(client, store, referenceTo(registry)), {
      signal: NEVER,
    });
  } finally {
    await client.close();
  }
}

function referenceTo({ host }: NastyRegistry) {
  return parseReference(`${host}/x:1`);
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}

function writeConfig(t: TestContext, config: object): string {
  const folder = temporaryFolder(t);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "config.json"), JSON.stringify(config));
  return folder;
}

async function temporaryStore(t: TestContext): Promise<ImageStore> {
  return openImageStore(temporaryFolder(t));
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-registry-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function isError(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof WhiskersError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

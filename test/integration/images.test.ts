import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import * as fc from "fast-check";

import type { Descriptor } from "../../src/packages/images/descriptor.ts";
import { type ImageStore, openImageStore } from "../../src/packages/images/image-store.ts";
import { parseReference } from "../../src/packages/images/reference.ts";
import { startDockerRegistry } from "../fixtures/docker-registry.ts";
import { listTree } from "../fixtures/list-tree.ts";
import { putImage } from "../fixtures/put-image.ts";
import { type RawEntry, tarArchive } from "../fixtures/tar-archive.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const WHISKERS = path.join(ROOT, "whiskers");
const CREDENTIALS = ["nora", "se cret:ü"] as const;

const PROGRAMS = ["docker-registry", "skopeo", "umoci", "openssl", "htpasswd"];
const missing = PROGRAMS.filter((name) => spawnSync("which", [name]).status !== 0);
const skip = missing.length === 0 ? false : `not installed: ${missing.join(", ")}`;

const BASE = tarArchive([
  { name: "bin/", type: "5" },
  { name: "bin/tool", mode: 0o755, content: "tool" },
  { name: "bin/same", type: "1", linkName: "bin/tool" },
  { name: "lib", type: "2", linkName: "usr/lib" },
  { name: "usr/lib/a", content: Buffer.alloc(300_000, "a") },
]);
const CODE = tarArchive([{ name: "app/normalize.py", content: "1" }, { name: "bin/.wh.same" }]);

suite("images", { skip }, () => {
  let folder = "";
  let store: ImageStore;
  let image: Descriptor;
  const at = (...names: readonly string[]): string => path.join(folder, ...names);

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-images-"));
    store = await openImageStore(at("home"));
    image = await putImage(store, { layers: [BASE, CODE], annotations: { "org.example.key": "value" } });
    await store.tag(parseReference("local/nmap:1"), image);
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("an image goes to a registry and comes back, and every tool sees the same", async () => {
    await using registry = await startDockerRegistry();
    const name = `${registry.host}/team/nmap:1`;
    const pushed = whiskersJson(["push", "local/nmap:1", name]);
    assert.equal(pushed.digest, image.digest);
    assert.deepEqual(pushed.blobs, { there: 0, mounted: 0, uploaded: 3 });
    assert.deepEqual(whiskersJson(["push", "local/nmap:1", name]).blobs, {
      there: 3,
      mounted: 0,
      uploaded: 0,
    });

    const seen = JSON.parse(skopeo("inspect", "--tls-verify=false", `docker://${name}`));
    assert.equal(seen.Digest, image.digest);
    assert.equal(seen.Layers.length, 2);

    const pulled = whiskersJson(["pull", name], "other");
    assert.equal(pulled.digest, image.digest);
    assert.equal(pulled.fetchedBlobs, 3);
    assert.equal(whiskersJson(["pull", name], "other").fetchedBlobs, 0);
    assert.equal(whiskersJson(["inspect", name], "other").manifest.annotations["org.example.key"], "value");
    assert.equal(whiskersJson(["inspect", "--remote", name], "third").digest, image.digest);
    assert.deepEqual(
      whiskersJson(["list"], "other").images.map((each: { reference: string }) => each.reference),
      [name],
    );
  });

  test("a blob of another repository there is mounted, and a new code layer alone is sent and fetched", async () => {
    await using registry = await startDockerRegistry();
    whiskersJson(["push", "local/nmap:1", `${registry.host}/a/nmap:1`]);
    await store.tag(parseReference(`${registry.host}/a/nmap:1`), image);
    assert.deepEqual(whiskersJson(["push", "local/nmap:1", `${registry.host}/b/nmap:1`]).blobs, {
      there: 0,
      mounted: 3,
      uploaded: 0,
    });
    whiskersJson(["pull", `${registry.host}/a/nmap:1`], "reader");
    const code = tarArchive([{ name: "app/normalize.py", content: "2" }]);
    await store.tag(parseReference("local/nmap:2"), await putImage(store, { layers: [BASE, code] }));
    const { blobs, uploadedBytes } = whiskersJson(["push", "local/nmap:2", `${registry.host}/a/nmap:2`]);
    assert.deepEqual(blobs, { there: 1, mounted: 0, uploaded: 2 });
    const pulled = whiskersJson(["pull", `${registry.host}/a/nmap:2`], "reader");
    assert.deepEqual([pulled.fetchedBlobs, pulled.fetchedBytes], [2, uploadedBytes]);
    await store.remove(parseReference(`${registry.host}/a/nmap:1`));
  });

  test("what skopeo copies in comes out, and the other way", async () => {
    await using registry = await startDockerRegistry();
    const target = `${registry.host}/skopeo/nmap:1`;
    whiskers(["push", "local/nmap:1", `oci:${at("out")}:v1`]);
    assert.deepEqual(readdirSync(at("out")).toSorted(), ["blobs", "index.json", "oci-layout"]);
    skopeo("copy", "--dest-tls-verify=false", `oci:${at("out")}:v1`, `docker://${target}`);
    assert.equal(whiskersJson(["pull", target], "skopeo").digest, image.digest);
    skopeo("copy", "--src-tls-verify=false", `docker://${target}`, `oci-archive:${at("skopeo.tar")}:v1`);
    assert.equal(
      whiskersJson(["pull", at("skopeo.tar"), "-t", "from/archive"], "skopeo").digest,
      image.digest,
    );
    // As Docker's own clients push: manifests and layers of Docker's types.
    skopeo(
      "copy",
      "--format=v2s2",
      "--dest-tls-verify=false",
      `oci:${at("out")}:v1`,
      `docker://${registry.host}/docker:1`,
    );
    const { mediaType } = whiskersJson(["pull", `${registry.host}/docker:1`], "skopeo");
    assert.equal(mediaType, "application/vnd.docker.distribution.manifest.v2+json");
    const docker = await openImageStore(at("skopeo"));
    const found = await docker.resolve(parseReference(`${registry.host}/docker:1`));
    const [ours, theirs] = [await store.root(image.digest), await docker.root(found?.digest ?? "")];
    assert.deepEqual(listTree(theirs.folder), listTree(ours.folder));
    docker.close();
  });

  test("an archive is the same for the same image, and is read by skopeo and by us", () => {
    for (const name of ["one.tar", "two.tar"]) whiskers(["push", "local/nmap:1", at(name)]);
    execFileSync("cmp", [at("one.tar"), at("two.tar")]);
    assert.equal(JSON.parse(skopeo("inspect", `oci-archive:${at("one.tar")}:1`)).Digest, image.digest);
    assert.equal(whiskersJson(["pull", at("one.tar"), "-t", "x"], "archive").digest, image.digest);
    assert.equal(whiskersJson(["inspect", at("one.tar")]).digest, image.digest);
    assert.equal(whiskersJson(["inspect", `oci:${at("out")}:v1`]).digest, image.digest);
  });

  test("a registry that asks for a password gets it, of Docker's config or of a credential helper", async () => {
    await using registry = await startDockerRegistry({ credentials: CREDENTIALS });
    const target = `${registry.host}/nmap:1`;
    const auth = Buffer.from(CREDENTIALS.join(":")).toString("base64");
    const refused = run(["push", "local/nmap:1", target]);
    assert.equal(refused.status, 2, refused.stderr);
    assert.match(refused.stderr, /asks for a user name and password/u);
    const wrong = dockerConfig("wrong", {
      auths: { [registry.host]: { auth: Buffer.from("nora:x").toString("base64") } },
    });
    assert.match(run(["push", "local/nmap:1", target], wrong).stderr, /registry-credentials/u);
    // Of the host without its port, of another port, of a longer name: not of this registry.
    const others = [
      registry.host.split(":")[0] ?? "",
      "127.0.0.1:1",
      `${registry.host}/nmap`,
      `x${registry.host}`,
    ];
    const near = dockerConfig("near", { auths: Object.fromEntries(others.map((name) => [name, { auth }])) });
    assert.match(run(["push", "local/nmap:1", target], near).stderr, /none for exactly this name/u);
    const right = dockerConfig("right", { auths: { [registry.host]: { auth } } });
    assert.equal(run(["push", "local/nmap:1", target], right).status, 0);
    assert.equal(run(["pull", target], { ...right, ...home("auths") }).status, 0);
    mkdirSync(at("bin"), { recursive: true });
    const helper = `#!/bin/sh\nread server\n[ "$1 $server" = "get ${registry.host}" ] || { echo "credentials not found in native keychain"; exit 1; }\nprintf '%s' '{"Username":"${CREDENTIALS[0]}","Secret":"${CREDENTIALS[1]}"}'\n`;
    writeFileSync(at("bin/docker-credential-test"), helper);
    chmodSync(at("bin/docker-credential-test"), 0o755);
    for (const config of [{ credsStore: "test" }, { credHelpers: { [registry.host]: "test" } }]) {
      const env = {
        ...dockerConfig("helper", config),
        ...home("helper"),
        PATH: `${at("bin")}:${process.env["PATH"] ?? ""}`,
      };
      assert.equal(run(["pull", target], env).status, 0);
    }
    const unread = dockerConfig("broken", "{ secret");
    const { status, stderr } = run(["pull", target], { ...unread, ...home("helper") });
    assert.equal(status, 2);
    assert.doesNotMatch(stderr, /secret/u);
  });

  test("a registry with a certificate of an authority of one's own is trusted when that is named", async () => {
    await using registry = await startDockerRegistry({ tls: true });
    const target = `${registry.host}/nmap:1`;
    const untrusted = run(["push", "local/nmap:1", target]);
    assert.equal(untrusted.status, 2);
    assert.match(untrusted.stderr, /certificate is not trusted/u);
    const trusting = { WHISKERS_REGISTRY_CA: registry.authority ?? "" };
    assert.equal(run(["push", "local/nmap:1", target], trusting).status, 0);
    assert.equal(run(["pull", target], { ...trusting, ...home("tls") }).status, 0);
    assert.match(run(["pull", target], { WHISKERS_REGISTRY_CA: WHISKERS }).stderr, /no certificate in PEM/u);
  });

  test("a mirror is asked first; what it has not comes from the registry", async () => {
    await using registry = await startDockerRegistry();
    await using mirror = await startDockerRegistry();
    for (const { host } of [registry, mirror]) whiskers(["push", "local/nmap:1", `${host}/both:1`]);
    whiskers(["push", "local/nmap:1", `${registry.host}/one:1`]);
    const env = {
      WHISKERS_REGISTRY_MIRRORS: `${registry.host}=127.0.0.1:1, ${registry.host}=${mirror.host}`,
    };
    const logged = registry.log().length;
    assert.equal(run(["pull", `${registry.host}/both:1`], { ...env, ...home("mirror") }).status, 0);
    assert.equal(registry.log().length, logged);
    const { status, stderr } = run(["pull", `${registry.host}/one:1`], { ...env, ...home("mirror2") });
    assert.equal(status, 0, stderr);
  });

  test("what is not there is said, with an exit code", async () => {
    await using registry = await startDockerRegistry();
    for (const [args, status, message] of [
      [["pull", `${registry.host}/nothing:1`], 3, /registry-refused.*manifest unknown|404/su],
      [["push", "nothing:1"], 2, /nothing:1 is not in the image store/u],
      [["inspect", "nothing:1"], 2, /is not in the image store/u],
      [["rm", "nothing:1"], 2, /is not in the image store/u],
      [["pull", "Nothing"], 2, /holds capitals/u],
      [["pull", `oci:${at("nowhere")}`, "-t", "x"], 2, /it is no OCI image layout/u],
      [["pull", `oci:${at("out")}`], 2, /say with -t/u],
      [["pull", "127.0.0.1:1/x"], 3, /registry-unavailable/u],
    ] as const) {
      const ran = run([...args]);
      assert.equal(ran.status, status, `${args.join(" ")}: ${ran.stderr}`);
      assert.match(ran.stderr, message);
    }
    const json = run(["push", "nothing:1", "--json"]);
    assert.equal(JSON.parse(json.stdout).error.code, "image-missing");
  });

  test("rm forgets an image, and gc frees its space", () => {
    const env = home("gc");
    whiskers(["push", "local/nmap:1", at("gc.tar")]);
    assert.equal(run(["pull", at("gc.tar"), "-t", "a"], env).status, 0);
    assert.equal(run(["gc", "--all"], env).stdout.startsWith("0 removed"), true);
    assert.equal(run(["rm", "a"], env).stdout, "a:latest  removed\n");
    assert.match(run(["gc"], env).stdout, /^0 removed/u);
    assert.match(run(["gc", "--all"], env).stdout, /^4 removed, .* freed; 0 bytes kept\n$/u);
    assert.match(run(["list"], env).stdout, /No image here yet/u);
  });

  test("honest images come out as umoci unpacks them", { timeout: 120_000 }, async () => {
    const uid = process.getuid?.() ?? 0;
    let number = 0;
    await fc.assert(
      fc.asyncProperty(honestLayers(), fc.constantFrom("gzip", "none"), async (layers, compression) => {
        number += 1;
        const built = await putImage(store, {
          layers: layers.map((entries) => tarArchive(entries)),
          compression,
        });
        await store.tag(parseReference("property"), built);
        const layout = at(`layout-${number}`);
        whiskersInProcess(built, layout);
        const bundle = at(`bundle-${number}`);
        execFileSync(
          "umoci",
          ["unpack", ...(uid === 0 ? [] : ["--rootless"]), "--image", `${layout}:x`, bundle],
          {
            stdio: ["ignore", "ignore", "pipe"],
          },
        );
        const { folder: tree } = await store.root(built.digest);
        assert.deepEqual(listTree(tree), listTree(path.join(bundle, "rootfs")));
        rmSync(layout, { recursive: true });
        rmSync(bundle, { recursive: true });
      }),
      { numRuns: 15 },
    );
  });

  test("an image that umoci insert made is unpacked", async () => {
    const layout = at("inserted");
    const umoci = (...args: readonly string[]): void => {
      execFileSync("umoci", args, { stdio: ["ignore", "ignore", "pipe"] });
    };
    writeFileSync(at("inserted.txt"), "hi\n");
    umoci("init", "--layout", layout);
    umoci("new", "--image", `${layout}:1`);
    umoci("insert", "--image", `${layout}:1`, at("inserted.txt"), "/app/inserted.txt");
    whiskers(["pull", `oci:${layout}:1`, "-t", "inserted:1"]);
    const descriptor = await store.resolve(parseReference("inserted:1"));
    const tree = await store.root(descriptor?.digest ?? "");
    assert.equal(readFileSync(path.join(tree.folder, "app/inserted.txt"), "utf8"), "hi\n");
  });

  /** By skopeo's standards a layout like any other; without a process for each. */
  function whiskersInProcess(descriptor: Descriptor, layout: string): void {
    mkdirSync(path.join(layout, "blobs"), { recursive: true });
    execFileSync("cp", ["-al", path.join(store.folder, "blobs/sha256"), path.join(layout, "blobs/sha256")]);
    writeFileSync(path.join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    const entry = { ...descriptor, annotations: { "org.opencontainers.image.ref.name": "x" } };
    writeFileSync(path.join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  }

  function home(name: string): Record<string, string> {
    return { WHISKERS_HOME: at(name) };
  }

  function dockerConfig(name: string, config: unknown): Record<string, string> {
    mkdirSync(at(`docker-${name}`), { recursive: true });
    writeFileSync(
      at(`docker-${name}`, "config.json"),
      typeof config === "string" ? config : JSON.stringify(config),
    );
    return { DOCKER_CONFIG: at(`docker-${name}`) };
  }

  function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const own = { WHISKERS_HOME: at("home"), DOCKER_CONFIG: at("no-config"), NO_COLOR: "1" };
    return spawnSync(WHISKERS, args, {
      encoding: "utf8",
      timeout: 60_000,
      env: { ...process.env, ...own, ...env },
    });
  }

  function whiskers(args: readonly string[], homeName = "home"): string {
    const { status, stdout, stderr } = run(args, home(homeName));
    assert.equal(status, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  function whiskersJson(args: readonly string[], homeName = "home"): any {
    return JSON.parse(whiskers([...args, "--json"], homeName));
  }
});

function skopeo(...args: readonly string[]): string {
  return execFileSync("skopeo", ["--insecure-policy", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/**
 * Layers that no reader refuses, and that all readers understand in one way: a whiteout is of something that a layer
 * below made, an entry's folder is a folder, a hard link leads to a file of the same layer.
 */
function honestLayers(): fc.Arbitrary<readonly (readonly RawEntry[])[]> {
  const folders = ["d/", "d/e/", "ü/", "long-name-".repeat(5) + "/"];
  const names = ["a", "b", "d/a", "d/e/a", "ü/ö", `${"long-name-".repeat(5)}/x`];
  const file = fc.record({
    name: fc.constantFrom(...names).map(bytes),
    mode: fc.constantFrom(0o644, 0o755, 0o600),
    content: fc.string({ maxLength: 20 }),
    mtime: fc.nat(2 ** 31 - 1),
  });
  const link = fc.record({
    name: fc.constantFrom("l", "d/l", "d/e/l"),
    type: fc.constant("2"),
    linkName: fc.constantFrom("a", "../a", "/d", "nowhere"),
  });
  const whiteout = fc.constantFrom(...names, "l", "d", "d/l").map((name) => ({
    name: bytes(name.replace(/(?:^|\/)(?=[^/]+$)/u, (slash) => `${slash}.wh.`)),
    isWhiteout: true,
  }));
  const opaque = fc
    .constantFrom("d/.wh..wh..opq", "d/e/.wh..wh..opq")
    .map((name) => ({ name, isWhiteout: true }));
  const entry = fc.oneof({ weight: 5, arbitrary: file }, { weight: 2, arbitrary: link }, whiteout, opaque);
  const layer = fc.array(entry, { maxLength: 8 });
  return fc.array(layer, { minLength: 1, maxLength: 4 }).map((layers) =>
    layers.map((entries, number) => {
      // As Docker and buildkit order them: whiteouts first; and only of layers below.
      const distinct = [...new Map(entries.map((each) => [each.name, each])).values()];
      const whiteouts = number === 0 ? [] : distinct.filter((each) => "isWhiteout" in each);
      const others = distinct.filter((each) => !("isWhiteout" in each));
      return [
        ...whiteouts,
        ...folders.map((name) => ({ name: bytes(name), type: "5", mode: 0o755 })),
        ...others,
      ];
    }),
  );
}

function bytes(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** Packages of WebAssembly as artifacts, in the layout that registries and runtimes for WebAssembly know. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { openImage } from "../../src/packages/open-image.ts";
import { openPackage } from "../../src/packages/open-package.ts";
import { buildWasmArtifact } from "../../src/packages/build/build-wasm-artifact.ts";
import { MEDIA_TYPES } from "../../src/packages/images/descriptor.ts";
import { type ImageStore, openImageStore } from "../../src/packages/images/image-store.ts";
import { writeFiles } from "../fixtures/dependent-packages.ts";
import { startDockerRegistry } from "../fixtures/docker-registry.ts";
import { putJson } from "../fixtures/put-image.ts";
import { assemble, command } from "../fixtures/wasm-modules.ts";

const WHISKERS = path.resolve(import.meta.dirname, "../../whiskers");
const MANIFEST = {
  id: "hello",
  name: "Hello",
  version: "1.0",
  environment: "wasm",
  entrypoint: ["bin/hello.wasm"],
};
const missing = ["docker-registry", "skopeo"].filter((name) => spawnSync("which", [name]).status !== 0);
const skip = missing.length === 0 ? false : `not installed: ${missing.join(", ")}`;

suite("WebAssembly artifacts", () => {
  let folder = "";
  let module: Buffer;
  let store: ImageStore;
  const at = (...names: readonly string[]): string => path.join(folder, ...names);

  before(async () => {
    folder = realpathSync(mkdtempSync(path.join(tmpdir(), "whiskers-wasm-artifact-")));
    module = Buffer.from(
      await assemble(
        command(String.raw`(call $write (i32.const 1) $"{\"object_type\":\"Network\",\"name\":\"n\"}\n")`),
      ),
    );
    writeFiles(at("hello"), {
      "normalizer.json": JSON.stringify(MANIFEST),
      "bin/hello.wasm": module,
      "source.wat": "",
    });
    store = await openImageStore(at("home"));
  });
  after(() => {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("built, pushed, pulled and run; other clients see the published layout", { skip }, async () => {
    await using registry = await startDockerRegistry();
    const name = `${registry.host}/team/hello:1`;
    const built = run(["build", at("hello"), "-t", name, "--json"]);
    assert.match(
      built.stderr,
      /warning: the artifact holds the module alone, without source\.wat; --base none/u,
    );
    run(["push", name]);
    const seen = JSON.parse(
      execFileSync("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${name}`], {
        encoding: "utf8",
      }),
    );
    const config = JSON.parse(
      execFileSync("skopeo", ["inspect", "--raw", "--config", "--tls-verify=false", `docker://${name}`], {
        encoding: "utf8",
      }),
    );
    assert.equal(seen.config.mediaType, "application/vnd.wasm.config.v0+json");
    assert.deepEqual(
      seen.layers.map(({ mediaType, size }: { mediaType: string; size: number }) => [mediaType, size]),
      [["application/wasm", module.length]],
    );
    const { created, ...rest } = config;
    assert.deepEqual(rest, { architecture: "wasm", os: "wasip1", layerDigests: [seen.layers[0].digest] });
    assert.equal(created, "1970-01-01T00:00:00Z");
    assert.equal(
      JSON.parse(run(["pull", name, "--json"], "other").stdout).digest,
      JSON.parse(built.stdout).digest,
    );
    assert.match(run(["inspect", name], "other").stdout, /Platform {5}wasip1\/wasm\n/u);
    writeFileSync(at("raw"), "x");
    const { runs } = JSON.parse(run(["run", name, at("raw"), "--runtime", "wasm", "--json"], "other").stdout);
    assert.equal(runs[0].outcome.status, "succeeded");
    assert.equal(runs[0].run.packageDigest, JSON.parse(built.stdout).digest);
  });

  test("the same module and manifest give the same digest, and the same folder each time it is opened", async () => {
    const copy = writeFiles(at("copy"), {
      "normalizer.json": JSON.stringify(MANIFEST),
      "bin/hello.wasm": module,
    });
    const digests = [];
    for (const source of [at("hello"), copy]) {
      digests.push(
        (await buildWasmArtifact(await openPackage(source, { home: at("home") }), store)).descriptor.digest,
      );
    }
    assert.equal(digests[0], digests[1]);
    const [one, two] = [
      await openImage({ store, name: "hello", digest: digests[0] ?? "" }, at("home")),
      await openImage({ store, name: "hello", digest: digests[0] ?? "" }, at("home")),
    ];
    assert.deepEqual(two, one);
    assert.equal(one.digest, digests[0]);
    assert.deepEqual(readdirSync(one.folder).toSorted(), ["bin", "normalizer.json"]);
  });

  test("what is no module, or an artifact of something else, is refused with the reason", async () => {
    for (const [content, message] of [
      [Buffer.from("#!/bin/sh\n"), /neither a WebAssembly module nor a component/u],
      [Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 0, 0]), /neither a WebAssembly module nor a component/u],
    ] as const) {
      writeFiles(at("wrong"), { "normalizer.json": JSON.stringify(MANIFEST), "bin/hello.wasm": content });
      await assert.rejects(buildWasmArtifact(await openPackage(at("wrong"), { home: at("home") }), store), {
        code: "package-unreadable",
        message,
      });
    }
    const { descriptor } = await buildWasmArtifact(
      await openPackage(at("hello"), { home: at("home") }),
      store,
    );
    const good = JSON.parse((await store.read(descriptor.digest, 1e6)).toString("utf8"));
    const config = (document: object): Promise<object> =>
      putJson(store, document, "application/vnd.wasm.config.v0+json");
    const label = "whiskers.normalizer.manifest";
    const wrong: readonly (readonly [object, string, RegExp])[] = [
      [{ annotations: {} }, "package-unreadable", /no normalizer's artifact/u],
      [{ annotations: { [label]: "{}" } }, "manifest-invalid", /normalizer\.json/u],
      [
        {
          annotations: {
            [label]: JSON.stringify({ ...MANIFEST, environment: "command", entrypoint: ["sh"] }),
          },
        },
        "package-unreadable",
        /not that of a module alone/u,
      ],
      [
        { annotations: { [label]: JSON.stringify({ ...MANIFEST, entrypoint: ["../x.wasm"] }) } },
        "manifest-invalid",
        /entrypoint/u,
      ],
      [{ layers: [] }, "image-invalid", /not one WebAssembly module/u],
      [{ layers: [...good.layers, ...good.layers] }, "image-invalid", /not one WebAssembly module/u],
      [{ layers: [{ ...good.layers[0], size: 2 ** 40 }] }, "image-too-large", /more than/u],
      [
        {
          config: await config({ architecture: "wasm", os: "wasip3", layerDigests: [good.layers[0].digest] }),
        },
        "image-invalid",
        /it is for wasip3\/wasm/u,
      ],
      [
        {
          config: await config({
            architecture: "wasm",
            os: "wasip1",
            layerDigests: [`sha256:${"0".repeat(64)}`],
          }),
        },
        "image-invalid",
        /names another module/u,
      ],
    ];
    for (const [differences, code, message] of wrong) {
      const { digest } = await putJson(store, { ...good, ...differences }, MEDIA_TYPES.manifest);
      await assert.rejects(openImage({ store, name: "x", digest }, at("home")), { code, message });
    }
    assert.deepEqual(
      readdirSync(at("home/packages")).filter((name) => name.startsWith(".")),
      [],
      "no drafts",
    );
  });

  function run(args: readonly string[], home = "home"): { readonly stdout: string; readonly stderr: string } {
    const { status, stdout, stderr } = spawnSync(WHISKERS, args, {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], HOME: folder, WHISKERS_HOME: at(home) },
      timeout: 300_000,
    });
    assert.equal(status, 0, stderr);
    return { stdout, stderr };
  }
});

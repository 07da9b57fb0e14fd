import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test } from "node:test";

import { openImageStore } from "../../src/packages/images/image-store.ts";
import { parseReference } from "../../src/packages/images/reference.ts";
import { cosignProgram, whyNoCosign } from "../fixtures/cosign.ts";
import { startDockerRegistry } from "../fixtures/docker-registry.ts";
import { startGoRegistry, whyNoGoRegistry } from "../fixtures/go-registry.ts";
import { putImage } from "../fixtures/put-image.ts";
import { tarArchive } from "../fixtures/tar-archive.ts";

const WHISKERS = path.resolve(import.meta.dirname, "../../whiskers");
/** Without a network there are no roots of Sigstore's, and a signature by a key needs none. */
const NO_ROOTS = '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}';
const SIGN = ["sign", "-y", "--tlog-upload=false", "--use-signing-config=false"];
const VERIFY = ["verify", "--insecure-ignore-tlog=true"];

const REGISTRIES = [
  ["Debian's registry, which has no referrers API", startDockerRegistry, (): string | null => null],
  ["a registry with the referrers API", () => startGoRegistry({ referrers: true }), whyNoGoRegistry],
] as const;

suite("cosign", () => {
  for (const [name, start, whyNot] of REGISTRIES) {
    const skip = whyNoCosign() ?? whyNot() ?? false;
    test(
      `signatures of either tool are checked by the other, in ${name}`,
      { skip, timeout: 2_000_000 },
      async (t) => {
        const folder = mkdtempSync(path.join(tmpdir(), "whiskers-cosign-"));
        t.after(() => {
          rmSync(folder, { recursive: true, force: true });
        });
        const cosign = cosignProgram();
        await using registry = await start();
        const run = (program: string, ...args: readonly string[]): string => {
          const { status, stdout, stderr } = spawnSync(program, args, {
            cwd: folder,
            encoding: "utf8",
            env: {
              PATH: process.env["PATH"],
              HOME: folder,
              WHISKERS_HOME: path.join(folder, "home"),
              COSIGN_PASSWORD: "secret",
            },
            timeout: 120_000,
          });
          assert.equal(status, 0, `${program} ${args.join(" ")}: ${stderr}`);
          return stdout;
        };
        writeFileSync(path.join(folder, "roots.json"), NO_ROOTS);
        const store = await openImageStore(path.join(folder, "home"));
        const push = async (image: string): Promise<string> => {
          const reference = `${registry.host}/team/${image}:1`;
          const layer = tarArchive([{ name: "a", content: image }]);
          await store.tag(parseReference(reference), await putImage(store, { layers: [layer] }));
          run(WHISKERS, "push", reference);
          return reference;
        };
        run(cosign, "generate-key-pair");
        run(WHISKERS, "keygen", "whiskers");

        for (const [signer, other] of [
          ["whiskers", "cosign"],
          ["cosign", "whiskers"],
        ] as const) {
          const ours = await push(`ours-${signer}`);
          run(WHISKERS, "sign", ours, "--key", `${signer}.key`, "--form", "both");
          run(cosign, ...VERIFY, "--key", `${signer}.pub`, "--trusted-root", "roots.json", ours);
          run(cosign, ...VERIFY, "--key", `${signer}.pub`, "--new-bundle-format=false", ours);
          assert.throws(() =>
            run(cosign, ...VERIFY, "--key", `${other}.pub`, "--trusted-root", "roots.json", ours),
          );
          assert.throws(() =>
            run(cosign, ...VERIFY, "--key", `${other}.pub`, "--new-bundle-format=false", ours),
          );

          const bundled = await push(`bundled-${signer}`);
          run(cosign, ...SIGN, "--key", `${signer}.key`, bundled);
          assert.match(run(WHISKERS, "verify", bundled, "--key", `${signer}.pub`), /signed by .*\(bundle\)/u);
          assert.throws(
            () => run(WHISKERS, "verify", bundled, "--key", `${other}.pub`),
            /signature-missing/u,
          );
          const tagged = await push(`tagged-${signer}`);
          run(cosign, ...SIGN, "--key", `${signer}.key`, "--new-bundle-format=false", tagged);
          assert.match(run(WHISKERS, "verify", tagged, "--key", `${signer}.pub`), /signed by .*\(tag\)/u);
          // Beside what is there.
          run(WHISKERS, "sign", tagged, "--key", `${other}.key`, "--form", "tag");
          run(cosign, ...SIGN, "--key", `${other}.key`, bundled);
          run(WHISKERS, "verify", tagged, "--key", `${signer}.pub`, "--key", `${other}.pub`);
          run(WHISKERS, "verify", bundled, "--key", `${signer}.pub`, "--key", `${other}.pub`);
        }
      },
    );
  }
});

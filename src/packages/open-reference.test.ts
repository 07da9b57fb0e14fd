import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";

import { absoluteReference, isImageReference } from "./open-reference.ts";

test("what names an image and what is a path", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const images = [
    "hello:1.0",
    `hello@${digest}`,
    "localhost:5000/team/hello:1",
    "registry.example/hello:latest",
    "oci:folder",
  ];
  for (const reference of images) assert.ok(isImageReference(reference), reference);
  const paths = [
    "hello",
    "./hello",
    "/home/hello",
    "../a/b",
    "hello.zip",
    "examples/normalizers/nmap-python",
    "a b:c",
  ];
  for (const reference of paths) {
    assert.ok(!isImageReference(reference), reference);
    assert.equal(absoluteReference(reference), path.resolve(reference));
  }
  assert.equal(absoluteReference("hello:1.0"), "hello:1.0");
  assert.equal(absoluteReference("oci:out:1.0"), `oci:${path.resolve("out")}:1.0`);
});

/**
 * PHP 7.4 is what the SDK promises, and no machine of ours has it: it is held to the language of 7.4 by its text. What a parser of
 * that version takes all the same, and functions and classes that came later, are looked for in its tree.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { Engine } from "php-parser";

const FOLDER = path.resolve(import.meta.dirname, "..");

/** Came with 8.0 to 8.4, of what an SDK could want. */
const LATER = new Set([
  "array_all",
  "array_any",
  "array_find",
  "array_is_list",
  "fdiv",
  "fsync",
  "get_debug_type",
  "get_resource_id",
  "iterator_apply_all",
  "json_validate",
  "mb_str_pad",
  "mb_trim",
  "preg_last_error_msg",
  "str_contains",
  "str_ends_with",
  "str_starts_with",
  "stringable",
  "valueerror",
  "unhandledmatcherror",
  "weakmap",
]);
const LATER_TYPES = new Set(["mixed", "static", "never", "false", "null", "true"]);

interface Node {
  readonly kind: string;
  readonly loc?: { readonly start: { readonly line: number } };
  readonly [field: string]: unknown;
}

/** What of a text is not PHP 7.4. */
function newerThan74(text: string): readonly string[] {
  const engine = new Engine({
    parser: { version: 704, suppressErrors: false },
    ast: { withPositions: true },
  });
  const found: string[] = [];
  let tree: unknown;
  try {
    tree = engine.parseCode(text, "x.php");
  } catch (error) {
    return [String(error)];
  }
  walk(tree, (node) => {
    const what = newness(node);
    if (what !== null) found.push(`line ${node.loc?.start.line}: ${what}`);
  });
  return found;
}

function newness(node: Node): string | null {
  if (node.kind === "uniontype" || node.kind === "intersectiontype") return node.kind;
  if (node.kind === "parameter" && Number(node["flags"] ?? 0) > 0) return "a promoted parameter";
  if (node["readonly"] === true || node["isReadonly"] === true) return "readonly";
  if (node.kind === "typereference" && LATER_TYPES.has(String(node["name"])))
    return `type ${String(node["name"])}`;
  if (node.kind === "name" && LATER.has(String(node["name"]).replace(/^\\/u, "").toLowerCase()))
    return String(node["name"]);
  const type = node["type"];
  if (isNode(type) && type.kind === "staticreference") return "type static";
  if (isNode(type) && type.kind === "name" && type["name"] === "mixed") return "type mixed";
  return null;
}

function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const each of value) walk(each, visit);
  else if (typeof value === "object" && value !== null) {
    if (isNode(value)) visit(value);
    for (const [name, each] of Object.entries(value)) if (name !== "loc") walk(each, visit);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "kind" in value && typeof value.kind === "string";
}

test("the SDK, its examples and its template are in the language of PHP 7.4", () => {
  const files = [
    ...globSync("**/*.php", { cwd: FOLDER }).map((file) => path.join(FOLDER, file)),
    path.resolve(FOLDER, "../../templates/php/normalize.php"),
    path.resolve(FOLDER, "../../examples/normalizers/dig-php/normalize.php"),
  ];
  assert.ok(files.length > 15);
  for (const file of files) assert.deepEqual(newerThan74(readFileSync(file, "utf8")), [], file);
});

test("what came after PHP 7.4 is found", () => {
  for (const text of [
    "<?php $a = match(1) { 1 => 2 };",
    "<?php f(name: 1);",
    "<?php class A { public function __construct(private int $x) {} }",
    "<?php $a?->b;",
    "<?php function f(int|string $x) {}",
    "<?php enum A { case B; }",
    "<?php class A { public readonly int $x; }",
    "<?php function f(mixed $x) {}",
    "<?php class A { function f(): static {} }",
    "<?php function f(): never {}",
    "<?php try {} catch (E) {}",
    "<?php $x = $y ?? throw new E();",
    "<?php str_contains('a', 'b');",
    "<?php class A implements \\Stringable {}",
  ]) {
    assert.notDeepEqual(newerThan74(text), [], text);
  }
  assert.deepEqual(
    newerThan74("<?php class A { private ?int $x = null; } $f = fn (int $a): int => $a; "),
    [],
  );
});

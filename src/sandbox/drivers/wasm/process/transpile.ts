/**
 * The process that makes core modules and JavaScript of one component, once: in a sandbox, since the component is
 * hostile. Arguments: JSON `TranspileOptions`. It prints JSON `Transpiled`, a line, then the files' bytes.
 */
import { readFileSync } from "node:fs";

import { inspectWit } from "./component/inspect-wit.ts";

export interface TranspileOptions {
  readonly componentFile: string;
  /** Folder of the package `@bytecodealliance/jco-transpile`. */
  readonly toolFolder: string;
}

export interface Transpiled {
  /** Why it is none that we run. */
  readonly trouble: string | null;
  readonly files: readonly { readonly name: string; readonly size: number }[];
}

/** As far as they are used. */
interface Bindgen {
  readonly $init: Promise<void>;
  readonly generate: (
    component: Uint8Array,
    options: object,
  ) => { readonly files: readonly (readonly [string, Uint8Array])[] };
}

interface Tools {
  readonly $init: Promise<void>;
  readonly tools: { readonly componentWit: (component: Uint8Array) => string };
}

async function main({ componentFile, toolFolder }: TranspileOptions): Promise<void> {
  const bytes = readFileSync(componentFile);
  const made = await transpile(bytes, toolFolder);
  const files = typeof made === "string" ? [] : made;
  const transpiled: Transpiled = {
    trouble: typeof made === "string" ? made : null,
    files: files.map(([name, content]) => ({ name, size: content.length })),
  };
  process.stdout.write(`${JSON.stringify(transpiled)}\n`);
  for (const [, content] of files) process.stdout.write(content);
}

async function transpile(
  bytes: Uint8Array,
  toolFolder: string,
): Promise<readonly (readonly [string, Uint8Array])[] | string> {
  const { $init: toolsReady, tools } = (await import(`${toolFolder}/vendor/wasm-tools.js`)) as Tools;
  const { $init: bindgenReady, generate } = (await import(
    `${toolFolder}/vendor/js-component-bindgen-component.js`
  )) as Bindgen;
  await Promise.all([toolsReady, bindgenReady]);
  try {
    const trouble = inspectWit(tools.componentWit(bytes));
    if (trouble !== null) return trouble;
    const { files } = generate(bytes, {
      name: "component",
      noTypescript: true,
      instantiation: { tag: "sync" },
      map: [],
      base64Cutoff: 0,
      noNamespacedExports: true,
      noNodejsCompat: true,
    });
    return files;
  } catch (error) {
    return `it is no component that can be read: ${reasonOf(error)}`;
  }
}

/** Errors of the tools have their text in a payload. */
function reasonOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return String(error);
  const payload: unknown = Reflect.get(error, "payload");
  const message: unknown = Reflect.get(error, "message");
  const text = typeof payload === "string" ? payload : message;
  return String(text).replaceAll(/\s+/gu, " ").slice(0, 500);
}

const [options = "{}"] = process.argv.slice(2);
await main(JSON.parse(options) as TranspileOptions);

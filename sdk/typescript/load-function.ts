import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * The function that `entrypoint` (`file:export`) names in `folder`. The normalizer may import
 * `whiskers`: that is this SDK, wherever it lies.
 * @throws whatever the normalizer's module throws; Error when it exports no such function
 */
export async function loadFunction(folder: string, entrypoint: string): Promise<unknown> {
  const colon = entrypoint.lastIndexOf(":");
  const [file, name] = [entrypoint.slice(0, colon), entrypoint.slice(colon + 1)];
  const sdk = new URL("index.ts", import.meta.url).href;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "whiskers" ? { url: sdk, shortCircuit: true } : next(specifier, context),
  });
  const module: unknown = await import(pathToFileURL(join(folder, file)).href);
  const found: unknown = typeof module === "object" && module !== null ? Reflect.get(module, name) : null;
  if (typeof found !== "function") throw new Error(`${file} exports no function ${name}`);
  return found;
}

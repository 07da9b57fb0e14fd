import { createRequire, registerHooks } from "node:module";
import type { ResolveFnOutput, ResolveHookContext } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * The function that `entrypoint` (`file:export`) names in `folder`. The normalizer may import
 * `whiskers`: that is this SDK, wherever it lies.
 * @param dependencies folder with `node_modules/`; null: there is none
 * @throws whatever the normalizer's module throws; Error when it exports no such function
 */
export async function loadFunction(
  folder: string,
  entrypoint: string,
  dependencies: string | null,
): Promise<unknown> {
  const colon = entrypoint.lastIndexOf(":");
  const [file, name] = [entrypoint.slice(0, colon), entrypoint.slice(colon + 1)];
  const sdk = new URL("index.ts", import.meta.url).href;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "whiskers"
        ? { url: sdk, shortCircuit: true }
        : dependencies === null
          ? next(specifier, context)
          : resolveAlsoIn(dependencies, specifier, context, next),
  });
  const module: unknown = await import(pathToFileURL(join(folder, file)).href);
  const found: unknown = typeof module === "object" && module !== null ? Reflect.get(module, name) : null;
  if (typeof found !== "function") throw new Error(`${file} exports no function ${name}`);
  return found;
}

/** What the package itself does not hold is looked for in the folder of its dependencies. */
function resolveAlsoIn(
  dependencies: string,
  specifier: string,
  context: ResolveHookContext,
  next: (specifier: string, context?: Partial<ResolveHookContext>) => ResolveFnOutput,
): ResolveFnOutput {
  const from = pathToFileURL(join(dependencies, "from.js")).href;
  try {
    return next(specifier, context);
  } catch (error) {
    if (!BARE.test(specifier) || context.parentURL === from) throw error;
    try {
      // `require` does not look at the `parentURL` that a hook gives.
      return context.conditions.includes("require")
        ? { url: pathToFileURL(createRequire(from).resolve(specifier)).href, shortCircuit: true }
        : next(specifier, { ...context, parentURL: from });
    } catch {
      throw error;
    }
  }
}

/** Neither a path nor a URL: the name of a package, and perhaps of a module in it. */
const BARE = /^(?:@[\w.~-]+\/)?[\w~-][\w.~-]*(?:\/.*)?$/u;

import { findPython } from "../interpreters.ts";
import type { Python } from "../interpreters.ts";
import type { ViewHost } from "./view-host.ts";

/** Shims of version managers take a tenth of a second to answer. What is missing may be installed later. */
export function rememberPythons(searchPath: string): ViewHost["findPython"] {
  const found = new Map<string, Promise<Python>>();
  return (version, python) => {
    const key = `${version}:${python}`;
    let answer = found.get(key);
    if (answer === undefined) {
      answer = findPython(version, { python, searchPath });
      found.set(key, answer);
      answer.catch(() => found.delete(key));
    }
    return answer;
  };
}

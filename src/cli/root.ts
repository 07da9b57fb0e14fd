import { WhiskersError } from "../errors.ts";
import { makeRoot } from "../packages/roots/make-root.ts";
import { ROOT_RECIPES } from "../packages/roots/recipes.ts";
import { listRoots, removeRoot } from "../packages/roots/root-store.ts";
import type { StoredRoot } from "../packages/roots/root-store.ts";
import { flag } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { cut } from "./terminal/columns.ts";
import { printable } from "./terminal/printable.ts";

export const command: Command = {
  help: `whiskers root make NAME... [--anew] | list [--json] | remove NAME...

Base root filesystems: an interpreter and the usual small programs, made from Debian's packages with
mmdebstrap, without a registry. A normalizer whose \`environment\` is the name of one runs on it instead of on
what this machine has installed: see WHISKERS_ROOTS in \`whiskers config\`.

${Object.entries(ROOT_RECIPES)
  .map(([name, { description }]) => `  ${name.padEnd(12)}  ${description}`)
  .join("\n")}

  --anew   make it again, from Debian's packages of today
  --json   one JSON document
`,
  options: { anew: { type: "boolean" }, json: { type: "boolean" } },
  positionals: [1, 100],
  async run(args, context) {
    const [verb, ...names] = args.positionals;
    if (verb === "list" && names.length === 0) await list(args, context);
    else if (verb === "make" && names.length > 0) await make(names, args, context);
    else if (verb === "remove" && names.length > 0) await remove(names, context);
    else throw new WhiskersError("usage", "whiskers root: expected `make NAME`, `list` or `remove NAME`");
    return 0;
  },
};

async function make(names: readonly string[], args: Arguments, context: Context): Promise<void> {
  const { errTerminal, err, out, signal } = context;
  const { home } = context.settings();
  for (const name of names) {
    const progress = errTerminal.isTty
      ? (line: string): void => {
          err(`\r\u001b[2K${cut(`${name}: ${printable(line)}`, errTerminal.columns - 1)}`);
        }
      : undefined;
    try {
      const root = await makeRoot(name, { home, anew: flag(args, "anew"), signal, progress });
      progress?.("");
      if (errTerminal.isTty) err("\r\u001b[2K");
      await out(`${root.name}  ${root.digest}  ${root.folder}\n`);
    } catch (error) {
      if (errTerminal.isTty) err("\n");
      throw error;
    }
  }
}

async function list(args: Arguments, { out, settings }: Context): Promise<void> {
  const roots = await listRoots(settings().home);
  if (flag(args, "json")) {
    await out(`${JSON.stringify({ roots }, null, 2)}\n`);
    return;
  }
  if (roots.length === 0) await out("No base root was made yet: whiskers root make NAME\n");
  for (const root of roots) await out(`${describe(root)}\n`);
}

function describe({ name, digest, packages, madeAt }: StoredRoot): string {
  const made = printable(madeAt.slice(0, 10));
  return `${name.padEnd(12)}  ${digest.slice(0, 19)}  made ${made}, ${packages.length} Debian packages`;
}

async function remove(names: readonly string[], { out, settings }: Context): Promise<void> {
  for (const name of names) {
    const found = await removeRoot(settings().home, name);
    if (!found) throw new WhiskersError("usage", `there is no base root ${JSON.stringify(name)} here`);
    await out(`${name}  removed\n`);
  }
}

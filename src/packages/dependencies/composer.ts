import path from "node:path";

import type { Installer } from "./installer.ts";
import { moveIfThere } from "./npm.ts";

/** `composer install`, without scripts and plugins of what is installed. */
export const composer: Installer = {
  tool: (_wanted, tools) => tools.composer(),
  beside: ["composer.json"],
  arguments: () => [
    "install",
    "--no-dev",
    "--no-scripts",
    "--no-plugins",
    "--no-interaction",
    "--no-progress",
    "--no-ansi",
    "--prefer-dist",
    "--optimize-autoloader",
    // Of the PHP that installs; the one that runs it may be another.
    "--ignore-platform-reqs",
  ],
  env: ({ cache }) => ({
    COMPOSER_HOME: "/whiskers/home/.config/composer",
    COMPOSER_CACHE_DIR: cache,
    // As root it would only ask; it is root of nothing here.
    COMPOSER_ALLOW_SUPERUSER: "1",
    // Without symbolic links into what is not part of the layer.
    COMPOSER_MIRROR_PATH_REPOS: "1",
  }),
  product: ({ files: [lockFile] }) => path.posix.join(path.posix.dirname(lockFile), "vendor"),
  async tidy({ work, out, requirements }) {
    await moveIfThere(path.join(work, this.product(requirements)), path.join(out, "vendor"));
    return [];
  },
};

/** How a base root is made from Debian's packages. */
export interface RootRecipe {
  /** For people. */
  readonly description: string;
  /** Debian release, by its code name. */
  readonly suite: string;
  /** Debian packages beside BASE_PACKAGES; apt adds what they depend on. No script of theirs is run. */
  readonly packages: readonly string[];
  /** Lines of a POSIX shell that do, in the new root as working folder, what those scripts would have done. */
  readonly finish: readonly string[];
  /** The Node.js that runs this is put into it: Debian's is too old to strip types. */
  readonly node?: true;
}

/** A shell and the usual small programs. */
export const BASE_PACKAGES: readonly string[] = [
  "base-files",
  "coreutils",
  "dash",
  "grep",
  "jq",
  "libc-bin",
  "perl-base",
  "sed",
  "util-linux",
];

/** By name, as `environment` of a normalizer.json has it. */
export const ROOT_RECIPES: Readonly<Record<string, RootRecipe>> = {
  plain: {
    description: "a shell, coreutils, grep, sed, jq, Perl",
    suite: "bookworm",
    packages: [],
    finish: [],
  },
  "python:3.9": python("3.9", "bullseye"),
  "python:3.11": python("3.11", "bookworm"),
  "python:3.13": python("3.13", "trixie"),
  node: {
    description: "Node.js, the one that runs Whiskers",
    suite: "bookworm",
    packages: ["libstdc++6"],
    finish: [],
    node: true,
  },
  php: {
    description: "PHP 8.2, command line",
    suite: "bookworm",
    packages: ["php8.2-cli", "php8.2-mbstring", "php8.2-xml"],
    finish: [
      "ln -s php8.2 usr/bin/php",
      "mkdir -p etc/php/8.2/cli/conf.d",
      'for ini in usr/share/php8.2-*/*/*.ini; do cp "$ini" "etc/php/8.2/cli/conf.d/20-${ini##*/}"; done',
      "cp usr/lib/php/8.2/php.ini-production.cli etc/php/8.2/cli/php.ini",
    ],
  },
};

function python(version: string, suite: string): RootRecipe {
  return {
    description: `Python ${version}`,
    suite,
    packages: [`python${version}`, "python3"],
    finish: [
      // What Debian's scripts do at installation. Not by time: the files' times are no part of the root.
      `chroot . /usr/bin/python${version} -m compileall -q --invalidation-mode unchecked-hash /usr/lib/python${version} /usr/lib/python3 || true`,
    ],
  };
}

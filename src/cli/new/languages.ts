/** What `whiskers new` needs to know of a language. Its files lie in `templates/<language>`. */
export interface Language {
  /** The file to open first. */
  readonly code: string;
  /** Folder of `sdk/` that is copied into the normalizer's, as `whiskers`; null: the SDK is there when it runs. */
  readonly sdk: string | null;
  /** Commands that build it, in its folder, one after another; none: it runs as it is. */
  readonly build: readonly (readonly string[])[];
  readonly buildEnv: Readonly<Record<string, string>>;
}

const INTERPRETED = { sdk: null, build: [], buildEnv: {} } as const;

export const LANGUAGES: Readonly<Record<string, Language>> = {
  python: { ...INTERPRETED, code: "normalize.py" },
  typescript: { ...INTERPRETED, code: "normalize.ts" },
  php: { ...INTERPRETED, code: "normalize.php" },
  shell: { ...INTERPRETED, code: "normalize.sh" },
  go: {
    code: "main.go",
    sdk: "go",
    build: [["go", "build", "-o", "normalize", "."]],
    // A static program runs wherever there is a kernel.
    buildEnv: { CGO_ENABLED: "0" },
  },
  rust: {
    code: "src/main.rs",
    sdk: "rust",
    build: [
      ["cargo", "build", "--release"],
      ["cp", "target/release/normalize", "normalize"],
    ],
    buildEnv: {},
  },
};

/** As a person types it. */
export function buildCommand({ build, buildEnv }: Language): string {
  const env = Object.entries(buildEnv).map(([name, value]) => `${name}=${value} `);
  return env.join("") + build.map((argv) => argv.join(" ")).join(" && ");
}

import { WhiskersError } from "../errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** One setting: the environment variable that sets it and how its text is read. */
export interface Setting<Value> {
  readonly name: string;
  readonly description: string;
  /** The value of a variable that is set, or undefined when it cannot be used. */
  parse(text: string): Value | undefined;
  /** What `parse` takes, for people. */
  readonly expects: string;
  /** The value when the variable is not set or empty. */
  otherwise(env: Environment): Value;
  /** Its value is shown to nobody. */
  readonly secret?: boolean;
}

export type SettingTable<Values> = { readonly [Key in keyof Values]: Setting<Values[Key]> };

/** @throws WhiskersError `config-invalid`, naming the variable, its value (unless secret) and what it may be */
export function readTable<Values extends object>(table: SettingTable<Values>, env: Environment): Values {
  const keys = Object.keys(table) as (keyof Values & string)[];
  const entries = keys.map((key) => [key, read(table[key], env)] as const);
  return Object.freeze(Object.fromEntries(entries)) as Values;
}

function read<Value>(setting: Setting<Value>, env: Environment): Value {
  const text = env[setting.name];
  if (text === undefined || text === "") return setting.otherwise(env);
  const value = setting.parse(text);
  if (value === undefined) {
    const shown = setting.secret === true ? "set to something" : JSON.stringify(text);
    throw new WhiskersError("config-invalid", `${setting.name} is ${shown}: expected ${setting.expects}`);
  }
  return value;
}

import { Buffer } from "node:buffer";

/** The fields that a class of `objects.ts` declares: what its constructor takes. */
export type Fields<T> = Omit<T, keyof OpenKatObject>;

/**
 * An OpenKAT object. A field that refers to another object takes that object, or its primary key as a text.
 * Nothing is checked here: the host checks everything, once, and says what is wrong with which record.
 */
export abstract class OpenKatObject {
  declare readonly object_type: string;

  constructor(objectType: string, fields: object) {
    Object.assign(this, { object_type: objectType }, fields);
  }
}

/** An object that exists because somebody says so, until `endValidTime` if that is given. */
export class Declaration {
  readonly object: OpenKatObject | object;
  readonly endValidTime: string | Date | null;

  constructor(object: OpenKatObject | object, endValidTime: string | Date | null = null) {
    this.object = object;
    this.endValidTime = endValidTime;
  }
}

/** Facts about an object that something else has found. */
export class Affirmation {
  readonly object: OpenKatObject | object;

  constructor(object: OpenKatObject | object) {
    this.object = object;
  }
}

/** The level, 0 to 4, to which an object may be scanned. */
export class ScanProfile {
  readonly reference: OpenKatObject | string;
  readonly level: number;

  constructor(reference: OpenKatObject | string, level: number) {
    this.reference = reference;
    this.level = level;
  }
}

/** A raw file that was found in the raw file. A text is encoded as UTF-8. */
export class DerivedRaw {
  readonly content: Uint8Array | string;
  readonly mimeTypes: readonly string[];

  constructor(content: Uint8Array | string, mimeTypes: readonly string[]) {
    this.content = content;
    this.mimeTypes = mimeTypes;
  }
}

type Plain = Record<string, unknown>;

/** Turns what one run's normalizer gives into JSON, one record a line. */
export class RecordEncoder {
  readonly #ids = new WeakMap<OpenKatObject, string>();
  #lastId = 0;
  /** Objects that were referred to, and are yet to be given. */
  readonly #undefined = new Set<OpenKatObject>();
  /** Objects whose `$id` is in the output. */
  readonly #defined = new WeakSet<OpenKatObject>();

  /**
   * One record as JSON, without a line break.
   * @throws TypeError what was given is no record, or holds a value that has no JSON form
   */
  encode(record: unknown): string {
    const plain = this.#toPlain(record);
    const held = plain["object"];
    const unwritable = findUnwritable(plain) ?? (isPlain(held) ? findUnwritable(held) : null);
    if (unwritable !== null) throw new TypeError(unwritable);
    return JSON.stringify(plain);
  }

  /** Once the normalizer has given all: names the objects that were only referred to. */
  *finish(): Generator<string, void> {
    // Writing one may refer to more.
    for (const object of this.#undefined) {
      yield JSON.stringify({ record_type: "reference", object: this.#define(object) });
    }
  }

  #toPlain(record: unknown): Plain {
    if (isPlain(record)) return this.#withReferences(record);
    if (record instanceof OpenKatObject) return this.#define(record);
    if (record instanceof Declaration) {
      const { object, endValidTime } = record;
      return { record_type: "declaration", object: this.#held(object), end_valid_time: endValidTime };
    }
    if (record instanceof Affirmation)
      return { record_type: "affirmation", object: this.#held(record.object) };
    if (record instanceof ScanProfile) {
      return { record_type: "scan_profile", reference: this.#value(record.reference), level: record.level };
    }
    if (record instanceof DerivedRaw) {
      const content = typeof record.content === "string" ? Buffer.from(record.content) : record.content;
      const base64 = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("base64");
      return { record_type: "raw", mime_types: record.mimeTypes, content: base64 };
    }
    if (hasJsonForm(record)) return this.#toPlain(record.toJSON());
    throw new TypeError(
      `a record is an object with object_type, or of a class of this SDK, not ${nameOf(record)}`,
    );
  }

  #held(object: OpenKatObject | object): Plain {
    if (object instanceof OpenKatObject) return this.#define(object);
    if (isPlain(object)) return this.#withReferences(object);
    throw new TypeError(`an object with object_type is needed, not ${nameOf(object)}`);
  }

  #define(object: OpenKatObject): Plain {
    const plain = this.#withReferences(object as unknown as Plain);
    if (this.#defined.has(object)) return plain;
    this.#defined.add(object);
    this.#undefined.delete(object);
    return { $id: this.#idOf(object), ...plain };
  }

  /** The same object when it refers to none by itself. */
  #withReferences(object: Plain): Plain {
    let plain = object;
    for (const field of Object.keys(object)) {
      const value = object[field];
      if (!(value instanceof OpenKatObject)) continue;
      if (plain === object) plain = { ...object };
      plain[field] = this.#value(value);
    }
    return plain;
  }

  #value(value: unknown): unknown {
    if (!(value instanceof OpenKatObject)) return value;
    if (!this.#defined.has(value)) this.#undefined.add(value);
    return { $ref: `#${this.#idOf(value)}` };
  }

  #idOf(object: OpenKatObject): string {
    const known = this.#ids.get(object);
    if (known !== undefined) return known;
    this.#lastId += 1;
    // Ids that a normalizer writes by hand are unlikely to look like this.
    const id = `~${this.#lastId.toString(36)}`;
    this.#ids.set(object, id);
    return id;
  }
}

function isPlain(value: unknown): value is Plain {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** JSON would leave these out or write something else. Fields only: what lies deeper is the normalizer's own. */
function findUnwritable(record: Plain): string | null {
  for (const [field, value] of Object.entries(record)) {
    if (typeof value === "number" && !Number.isFinite(value))
      return `field ${field}: ${value} has no JSON form`;
    if (typeof value === "bigint")
      return `field ${field}: a BigInt has no JSON form; make it a number or a text`;
    if (value instanceof Uint8Array) return `field ${field}: bytes have no JSON form; decode them to text`;
    if (
      typeof value === "function" ||
      typeof value === "symbol" ||
      value instanceof Map ||
      value instanceof Set
    ) {
      return `field ${field}: ${nameOf(value)} has no JSON form`;
    }
  }
  return null;
}

function hasJsonForm(value: unknown): value is { toJSON(): unknown } {
  return (
    typeof value === "object" && value !== null && "toJSON" in value && typeof value.toJSON === "function"
  );
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return `a ${value.constructor?.name ?? "null-prototype object"}`;
  return `a ${typeof value}`;
}

/** An OpenKAT object in its JSON form: `object_type`, `primary_key`, own fields; references as primary keys. */
export type OpenKatObject = { readonly object_type: string; readonly primary_key: string } & {
  readonly [field: string]: unknown;
};

export interface Declaration {
  readonly object: OpenKatObject;
  /** Aware ISO 8601 time, or null. */
  readonly end_valid_time: string | null;
}

export interface Affirmation {
  readonly object: OpenKatObject;
}

export interface ScanProfile {
  readonly reference: string;
  /** 0 to 4. */
  readonly level: number;
  readonly user_id: number | null;
}

/** A raw file that a normalizer took out of its own raw file. */
export interface DerivedRaw {
  readonly mime_types: readonly string[];
  readonly content: Uint8Array;
}

/** One record that was refused. */
export interface Rejection {
  /** Position in the output, 0 for the first record. */
  readonly record: number;
  /** JSON pointer into the record, `` for the record itself. */
  readonly path: string;
  /** One sentence: what is wrong with the value and what was expected. */
  readonly reason: string;
  readonly objectType: string | null;
}

/** Everything valid that one run gave, references resolved, variants merged. */
export interface Records {
  readonly objects: readonly OpenKatObject[];
  /** The JSON text of `objects`, where it is at hand: what is stored and sent of a large output is made once. */
  readonly objectsJson?: string;
  readonly declarations: readonly Declaration[];
  readonly affirmations: readonly Affirmation[];
  readonly scanProfiles: readonly ScanProfile[];
  readonly raws: readonly DerivedRaw[];
  /** The first thousand: causes first, then what was refused because of them, each in output order. */
  readonly rejections: readonly Rejection[];
  /** Rejections beyond those. */
  readonly rejectionsDropped: number;
  /** Records with at least one rejection, whatever was kept of them. */
  readonly recordsRejected: number;
  /** Lower-case hex over the canonical JSON Lines of all valid records, in the order of the lists above. */
  readonly sha256: string;
}

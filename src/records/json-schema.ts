import { createRequire } from "node:module";

import type * as Ajv2020 from "ajv/dist/2020.js";

/**
 * Whether a text is a JSON Schema of draft 2020-12, checked against the draft's own schema. What its regular
 * expressions mean is not checked: whoever asks the question runs them, in a language of his own.
 */
export function isJsonSchema(text: string): boolean {
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch {
    return false;
  }
  if (typeof schema === "boolean") return true;
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return false;
  try {
    return validate({ ...schema, $schema: DRAFT });
  } catch {
    return false;
  }
}

const DRAFT = "https://json-schema.org/draft/2020-12/schema";

// Loaded for the first question: hardly any output has one, and loading takes longer than most runs.
const memory: { ajv: Ajv2020.Ajv2020 | null } = { ajv: null };

function validate(schema: object): boolean {
  if (memory.ajv === null) {
    const load = createRequire(import.meta.url);
    const { Ajv2020: Ajv } = load("ajv/dist/2020.js") as typeof Ajv2020;
    memory.ajv = new Ajv({ strict: false, validateFormats: false, logger: false });
  }
  return memory.ajv.validateSchema(schema) === true;
}

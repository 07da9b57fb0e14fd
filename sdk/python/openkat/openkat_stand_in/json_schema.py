"""The schema of a Question: whether it can be one. What it says is checked in full where records are read."""

import json

from openkat_stand_in.error import Invalid

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_SCHEMAS = ("properties", "patternProperties", "$defs", "dependentSchemas")


def check_json_schema(text):
    try:
        schema = json.loads(text)
    except ValueError:
        raise Invalid("value_error", "Value error, The json_schema field is not valid JSON") from None
    if not _is_schema(schema):
        raise Invalid("value_error", "Value error, The json_schema field is not a valid JSON schema")


def _is_schema(schema):
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, dict):
        return False
    types = schema.get("type", [])
    if not all(name in _TYPES for name in (types if isinstance(types, list) else [types])):
        return False
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        return False
    for key in _SCHEMAS:
        held = schema.get(key, {})
        if not isinstance(held, dict) or not all(_is_schema(inner) for inner in held.values()):
            return False
    items = schema.get("items", True)
    return _is_schema(items)

"""OpenKAT's object types, by subject."""

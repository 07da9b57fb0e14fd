def run(meta, raw):
    """Touches every byte once."""
    yield {"object_type": "Network", "name": str(raw.count(b"\n"))}

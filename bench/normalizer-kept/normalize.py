def run(meta, raw):
    """Small on purpose: what is measured is everything around it. 4 kB in, 200 objects out."""
    yield {"object_type": "Network", "name": "internet"}
    for number, line in enumerate(raw.splitlines()):
        yield {"object_type": "Hostname", "network": "Network|internet", "name": "h%d.%s" % (number, line.decode())}

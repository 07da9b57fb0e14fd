def run(meta, raw):
    """As many host names as the first word of the raw file says; the rest is ballast."""
    yield {"object_type": "Network", "name": "internet"}
    for number in range(int(raw[:16].split()[0]) - 1):
        yield {"object_type": "Hostname", "network": "Network|internet", "name": "host-%d.example.com" % number}

"""What OpenKAT's plugins share."""


def cpe_to_name_version(cpe):
    """Product and version of a CPE, as far as it has them: (name, version)."""
    parts = cpe.split(":")
    return (parts[3] if len(parts) > 3 else None), (parts[4] if len(parts) > 4 else None)

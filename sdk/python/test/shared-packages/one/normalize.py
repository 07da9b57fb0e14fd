import names


def run(meta, raw):
    import late

    return [{"name": names.NAME, "late": late.NAME}]

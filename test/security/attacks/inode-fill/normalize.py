"""Empty files take no bytes of a file system's size, but memory of the kernel's."""

import os

from probe import fact


def run(meta, raw):
    made = 0
    for place in ("/tmp", "/dev/shm", "/dev", "/run", "/"):
        try:
            folder = os.path.join(place, "inodes")
            os.mkdir(folder)
            while made < 1_500_000:
                os.close(os.open("%s/%0200d" % (folder, made), os.O_CREAT | os.O_WRONLY))
                made += 1
        except OSError:
            continue
    yield fact("files", made)

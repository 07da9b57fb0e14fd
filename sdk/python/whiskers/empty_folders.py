"""Empties folders that a hostile run may have filled."""

import errno
import os
import stat
import time

# How long it may take, before the sandbox is given up.
EMPTY_SECONDS = 2.0


def empty_folders(folders, seconds=EMPTY_SECONDS):
    """Removes all that a run left. A folder in a folder is moved up first, so no path grows long, however deep it was."""
    deadline = time.monotonic() + seconds
    count = 0
    for root in folders:
        if not _reset_folder(root):
            return False
        pending = [root]
        while pending:
            folder = pending.pop()
            try:
                names = os.listdir(folder)
            except OSError:
                names = ()
            for name in names:
                path = folder + "/" + name
                try:
                    if not os.path.islink(path) and os.path.isdir(path):
                        os.chmod(path, 0o700)
                        count += 1
                        moved = "%s/.whiskers-%d-%d" % (root, os.getpid(), count)
                        os.rename(path, moved)
                        pending.append(moved)
                    else:
                        os.unlink(path)
                except OSError:
                    return False
                if time.monotonic() > deadline:
                    return False
            if folder != root:
                try:
                    os.rmdir(folder)
                except OSError:
                    return False
    return True


def _reset_folder(folder):
    """What a run may have done to the folder itself: closed it to its own user, hung attributes on it."""
    try:
        status = os.stat(folder)
        if status.st_uid != os.getuid():
            return True
        if status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(folder, stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
        for name in os.listxattr(folder):
            os.removexattr(folder, name)
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTSUP, errno.ENOSYS)
    return True

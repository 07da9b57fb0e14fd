"""The same calls by other doors: the 32-bit table through `int 0x80`, the x32 table, `socketcall`."""

import ctypes
import mmap
import platform

from probe import attempt, attempt_in_child, syscall

X32 = 0x40000000


def run(meta, raw):
    if platform.machine() != "x86_64":
        yield attempt("other-machine", lambda: False)
        return
    yield attempt_in_child("x32-getpid", lambda: syscall(X32 | 39))
    yield attempt_in_child("x32-ptrace", lambda: syscall(X32 | 521, 0, 0, 0, 0))
    yield attempt_in_child("x32-unshare", lambda: syscall(X32 | 272, 0x10000000))
    yield attempt_in_child("int80-getpid", lambda: int80(20) > 0)
    yield attempt_in_child("int80-unshare", lambda: int80(310, 0x10000000) not in (-1, -38))
    yield attempt_in_child("int80-ptrace", lambda: int80(26, 0) not in (-1, -38))
    yield attempt_in_child("int80-add_key", lambda: int80(286, 0) not in (-1, -38))


def int80(number, argument=0):
    """mov eax, number; mov ebx, argument; zero the rest; int 0x80; ret"""
    code = (
        b"\x53\xb8" + number.to_bytes(4, "little") + b"\xbb" + argument.to_bytes(4, "little")
        + b"\x31\xc9\x31\xd2\x31\xf6\x31\xff\xcd\x80\x5b\xc3"
    )
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()

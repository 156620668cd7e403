"""A file system of one file, `data`, that stops answering while a flag file exists.

usage: stalling_fuse.py MOUNTPOINT FLAG, as root. It speaks the kernel's FUSE
protocol 7.31 itself, and prints a line once it is mounted. When it ends, the
mount is dead but no longer stuck.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import time

SIZE = 1 << 20
ASYNC_READ = 1
"""Flag with which readers wait for a page, uninterruptibly, and not for an answer."""
CACHED = 3600
"""Seconds the kernel may remember attributes, so that a read of data waits for data."""
LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, OPENDIR = (
    1,
    2,
    3,
    14,
    15,
    17,
    18,
    25,
    26,
    27,
)
RELEASEDIR, INTERRUPT, BATCH_FORGET = 29, 36, 42
NO_REPLY = {FORGET, INTERRUPT, BATCH_FORGET}


def attributes(node: int) -> bytes:
    directory = node == 1
    mode = 0o40755 if directory else 0o100644
    return struct.pack(
        "<6Q10I", node, 0 if directory else SIZE, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0
    )


def answer(opcode: int, node: int, body: bytes) -> bytes | int:
    """Return a reply's body, or an error number."""
    if opcode == INIT:
        return struct.pack("<4I2H2I2H8I", 7, 31, 0, ASYNC_READ, 1, 1, 65536, 1, 1, 0, *[0] * 8)
    if opcode == LOOKUP:
        if body.rstrip(b"\0") != b"data":
            return 2
        return struct.pack("<4Q2I", 2, 0, 0, CACHED, 0, 0) + attributes(2)
    if opcode == GETATTR:
        return struct.pack("<Q2I", CACHED, 0, 0) + attributes(node)
    if opcode in {OPEN, OPENDIR}:
        return struct.pack("<Q2I", 0, 0, 0)
    if opcode == READ:
        offset, size = struct.unpack_from("<QI", body, 8)
        return b"x" * max(0, min(size, SIZE - offset))
    if opcode == STATFS:
        return struct.pack("<5Q4I6I", 1000, 500, 250, 50, 20, 4096, 255, 4096, 0, *[0] * 6)
    if opcode in {RELEASE, RELEASEDIR, FLUSH}:
        return b""
    return 38


def main() -> None:
    point, flag = sys.argv[1:]
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"stalling", os.fsencode(point), b"fuse", 6, options.encode()) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    print("mounted", flush=True)
    while True:
        try:
            request = os.read(device, 1 << 17)
        except OSError:
            return
        _, opcode, unique, node = struct.unpack_from("<2I2Q", request)
        while opcode != INIT and os.path.exists(flag):
            time.sleep(0.02)
        if opcode in NO_REPLY:
            continue
        reply = answer(opcode, node, request[40:])
        error, body = (-reply, b"") if isinstance(reply, int) else (0, reply)
        try:
            os.write(device, struct.pack("<IiQ", 16 + len(body), error, unique) + body)
        except OSError:  # whoever asked was killed meanwhile
            continue


if __name__ == "__main__":
    main()

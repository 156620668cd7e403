"""Whether a file is whole, told from a few hundred of its bytes. Nothing is loaded, nothing unpickled.

What is looked for: the end record of a zip archive (torch.save, Lightning,
numpy's .npz), the header of a safetensors file (which says how long the file
must be), the brackets of a JSON document, and the sizes that a torch DCP
`.metadata` gives for its shards (read opcode by opcode).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

Read = Callable[[int, int], bytes]
"""(offset, length) -> the bytes there, fewer at the end of the file. May raise OSError."""

MAX_HEADER = 64 << 20
"""A longer safetensors header is not read; the format's own limit is 100 MB."""
MAX_JSON = 1 << 20
MAX_METADATA = 2 << 20
"""A longer `.metadata` is not taken apart: its shards' sizes stay unchecked."""
_ARCHIVES = (".pt", ".pth", ".ckpt", ".bin", ".npz", ".tar")
_END = 22  # a zip's end record; behind it a comment of up to 65,535 bytes, which torch does not write
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The pickled magic number with which torch.save began before it wrote zip archives."""


class Whole(Enum):
    """What a look at a file's bytes says."""

    YES = "yes"
    NO = "no"
    UNTOLD = "untold"
    """A format whose end cannot be recognised."""


class Verdict(NamedTuple):
    """The judgement of one file, and why."""

    whole: Whole
    reason: str = ""


_FINE = Verdict(Whole.YES)


def checkable(name: str) -> bool:
    """Whether the bytes of a file of this name tell if it is whole."""
    return name.endswith((*_ARCHIVES, ".safetensors"))


def check(name: str, size: int, read: Read) -> Verdict:
    """Return whether the file is whole, judged by its format. Raises what `read` raises."""
    if size == 0:
        return Verdict(Whole.NO, "is empty")
    if name.endswith(".safetensors"):
        return safetensors(size, read)
    if name.endswith(_ARCHIVES):
        return archive(size, read)
    if name.endswith(".json"):
        return document(size, read)
    return _FINE


def archive(size: int, read: Read) -> Verdict:
    """Judge what torch.save or numpy.savez wrote: a zip archive, or torch's older format."""
    head = read(0, len(_LEGACY))
    if head.startswith(_LEGACY):
        return Verdict(Whole.UNTOLD, "is in torch's old format: its end cannot be checked")
    if not head.startswith(b"PK\x03\x04"):
        if not head.strip(b"\0"):
            return Verdict(Whole.NO, "begins with zero bytes")
        return Verdict(Whole.UNTOLD, "is in no format that can be checked")
    tail = read(max(0, size - _END - 76), _END + 76)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        tail = read(max(0, size - _END - 0xFFFF), _END + 0xFFFF)
        at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + _END:
        return Verdict(Whole.NO, "stops short: no end of the zip archive")
    return _directory(size, tail, at, read)


def _directory(size: int, tail: bytes, at: int, read: Read) -> Verdict:
    """Judge a zip archive by the end record at `at` of its last bytes."""
    length, begin, comment = struct.unpack_from("<IIH", tail, at + 12)
    end = size - len(tail) + at
    if tail[at - 20 : at - 16] == b"PK\x06\x07" and at >= 20:  # larger than 4 GiB: the zip64 record counts
        (where,) = struct.unpack_from("<Q", tail, at - 12)
        record = read(where, 56)
        if len(record) < 56 or not record.startswith(b"PK\x06\x06"):
            return Verdict(Whole.NO, "stops short: no zip64 end record")
        length, begin = struct.unpack_from("<QQ", record, 40)
        end = where
    if begin + length != end or size - len(tail) + at + _END + comment != size:
        return Verdict(Whole.NO, "has a zip directory that does not fit its size")
    if length and read(begin, 4) != b"PK\x01\x02":
        return Verdict(Whole.NO, "has no zip directory where its end record says")
    return _FINE


def safetensors(size: int, read: Read) -> Verdict:
    """Judge a safetensors file: 8 bytes of header length, a JSON header, then the tensors up to the end.

    Source: the format's description, https://huggingface.co/docs/safetensors.
    """
    if size < 8:
        return Verdict(Whole.NO, f"stops short: {size} bytes, less than a header")
    (length,) = struct.unpack("<Q", read(0, 8))
    if length == 0 or 8 + length > size:
        return Verdict(Whole.NO, "stops short: its header is longer" if length else "has no header")
    if length > MAX_HEADER:
        return Verdict(Whole.UNTOLD, "has a header too long to be read")
    try:
        header = json.loads(read(8, length))
        ends = [int(t["data_offsets"][1]) for name, t in header.items() if name != "__metadata__"]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return Verdict(Whole.NO, "has a damaged header")
    due = 8 + length + max(ends, default=0)
    if size < due:
        return Verdict(Whole.NO, f"stops short: {size:,} of {due:,} bytes")
    return _FINE if size == due else Verdict(Whole.NO, f"is too long: {size:,} bytes instead of {due:,}")


def document(size: int, read: Read) -> Verdict:
    """Judge a JSON document; of a long one only that it begins and ends with brackets."""
    if size > MAX_JSON:
        ends = read(0, 64).strip()[:1] + read(size - 64, 64).strip()[-1:]
        return _FINE if ends in (b"{}", b"[]") else Verdict(Whole.NO, "stops short: no closing bracket")
    try:
        json.loads(read(0, size))
    except (ValueError, RecursionError):
        return Verdict(Whole.NO, "is not complete JSON")
    return _FINE


def shards(metadata: bytes) -> dict[str, int]:
    """Return what a torch DCP `.metadata` says of its files: name -> least size in bytes.

    The pickle is walked opcode by opcode and never executed: behind the string
    `relative_path` stands a file's name, behind `offset` and `length` where an
    item lies in it. Raises ValueError if it is cut or no such pickle.
    """
    strings: dict[int, object] = {}
    count = 0
    last: object = None
    key, name, offset = "", "", 0
    found: dict[str, int] = {}
    try:
        import pickletools  # here: few checkpoints have one

        for opcode, argument, _ in pickletools.genops(metadata):
            if opcode.name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
                strings[count if argument is None else argument] = last
                count += 1
                continue
            if opcode.name in ("BINGET", "LONG_BINGET"):
                last = strings.get(argument or 0)
            else:
                last = argument if isinstance(argument, (str, int)) else None
            if last in ("relative_path", "offset", "length"):
                key = str(last)
            elif key == "relative_path" and isinstance(last, str):
                name, offset, key = last, 0, ""
            elif key == "offset" and isinstance(last, int):
                offset, key = last, ""
            elif key == "length" and isinstance(last, int):
                found[name] = max(found.get(name, 0), offset + last)
                key = ""
    except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError("not a whole pickle") from error
    found.pop("", None)
    return found

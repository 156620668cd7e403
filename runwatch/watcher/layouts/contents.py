"""Whether a file is whole, found from a few hundred of its bytes. Nothing is loaded, nothing unpickled.

What is looked for: the end record of a zip archive (torch.save, Lightning,
numpy's .npz), the header of a safetensors file (which says how long the file
must be), the brackets of a JSON document, and the sizes that a torch DCP
`.metadata` gives for its shards (read opcode by opcode). What begins unlike
all that is known (`signatures`) is neither whole nor damaged: it is unknown.
"""

from __future__ import annotations

import json
import struct

from runwatch.watcher.layouts import signatures
from runwatch.watcher.layouts.signatures import FINE, Read, Verdict, Whole

MAX_HEADER = 64 << 20
"""A longer safetensors header is not read; the format's own limit is 100 MB."""
MAX_JSON = 1 << 20
MAX_METADATA = 2 << 20
"""A longer `.metadata` is not taken apart: its shards' sizes stay unchecked."""
_LONGEST_HEADER = 100_000_000
"""Bytes that a safetensors header may have: what says more is no such file."""
_LARGEST = 1 << 63
"""No file has so many bytes, whatever a number says."""
_ARCHIVES = (".pt", ".pth", ".ckpt", ".bin", ".npz", ".npy", ".tar", ".keras", ".h5", ".hdf5", ".msgpack")
_MANIFEST = "manifest.ocdbt"
_END = 22  # a zip's end record; behind it a comment of up to 65,535 bytes, which torch does not write


def checkable(name: str) -> bool:
    """Whether the bytes of a file of this name show if it is whole."""
    return name.endswith((*_ARCHIVES, ".safetensors", ".distcp", _MANIFEST))


def check(name: str, size: int, read: Read) -> Verdict:
    """Return whether the file is whole, judged by its format. Raises what `read` raises."""
    if size == 0:  # a rank that has nothing to write may leave an empty shard
        return FINE if name.endswith(".distcp") else Verdict(Whole.NO, "is empty")
    if name.endswith(".safetensors"):
        return safetensors(size, read)
    if name.endswith(".json"):
        return document(size, read)
    head = read(0, signatures.HEAD) if checkable(name) else b""
    if name.endswith(".distcp"):
        return signatures.shard(head)
    if name.endswith(_MANIFEST):
        return signatures.manifest(head, size)
    return archive(name, head, size, read) if head else FINE


def archive(name: str, head: bytes, size: int, read: Read) -> Verdict:
    """Judge what torch.save, numpy or Keras wrote: a zip archive, or one of the older formats."""
    if not head.startswith(b"PK\x03\x04"):
        if not head[:16].strip(b"\0"):
            return Verdict(Whole.NO, "begins with zero bytes")
        return signatures.known(name, head, size, read)
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
        record = read(where, 56) if where < size else b""
        if len(record) < 56 or not record.startswith(b"PK\x06\x06"):
            return Verdict(Whole.NO, "stops short: no zip64 end record")
        length, begin = struct.unpack_from("<QQ", record, 40)
        end = where
    if begin + length != end or size - len(tail) + at + _END + comment != size:
        return Verdict(Whole.NO, "has a zip directory that does not fit its size")
    if length and read(begin, 4) != b"PK\x01\x02":
        return Verdict(Whole.NO, "has no zip directory where its end record says")
    return FINE


def safetensors(size: int, read: Read) -> Verdict:
    """Judge a safetensors file: 8 bytes of header length, a JSON header, then the tensors up to the end.

    Source: the format's description, https://huggingface.co/docs/safetensors.
    """
    if size < 8:
        return Verdict(Whole.NO, f"stops short: {size} bytes, less than a header")
    (length,) = struct.unpack("<Q", read(0, 8))
    if not 0 < length <= min(size - 8, MAX_HEADER):
        return _unread(length, size)
    try:
        header = json.loads(read(8, length))
        ends = [int(t["data_offsets"][1]) for name, t in header.items() if name != "__metadata__"]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, OverflowError):
        return Verdict(Whole.NO, "has a damaged header")
    due = 8 + length + max(ends, default=0)
    if size < due:
        return Verdict(Whole.NO, f"stops short: {size:,} of {due:,} bytes")
    return FINE if size == due else Verdict(Whole.NO, f"is too long: {size:,} bytes instead of {due:,}")


def _unread(length: int, size: int) -> Verdict:
    """Judge a safetensors file whose header, so long as it says, is not read."""
    if length > _LONGEST_HEADER:
        return Verdict(Whole.UNKNOWN, "is no safetensors file")
    if length == 0 or 8 + length > size:
        return Verdict(Whole.NO, "stops short: its header is longer" if length else "has no header")
    return Verdict(Whole.UNCHECKED, "has a header too long to be read")


def document(size: int, read: Read) -> Verdict:
    """Judge a JSON document; of a long one only that it begins and ends with brackets."""
    if size > MAX_JSON:
        ends = read(0, 64).strip()[:1] + read(size - 64, 64).strip()[-1:]
        return FINE if ends in (b"{}", b"[]") else Verdict(Whole.NO, "stops short: no closing bracket")
    try:
        json.loads(read(0, size))
    except (ValueError, RecursionError):
        return Verdict(Whole.NO, "is not complete JSON")
    return FINE


def shards(metadata: bytes) -> dict[str, int]:
    """Return what a torch DCP `.metadata` says of its files: name -> least size in bytes.

    The pickle is walked opcode by opcode and never executed: behind the string
    `relative_path` has a file's name, behind `offset` and `length` where an
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
                found[name] = max(found.get(name, 0), min(offset + last, _LARGEST))
                key = ""
    except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError("not a whole pickle") from error
    found.pop("", None)
    return found

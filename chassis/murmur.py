"""The hash with which Kafka's clients choose a partition: aiokafka's own, read four bytes at a time for speed."""

from __future__ import annotations

import struct

_SEED, _MULTIPLIER, _MASK = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF
_WORDS = [struct.Struct(f"<{count}I").unpack_from for count in range(32)]


def murmur2(data: bytes) -> int:
    """MurmurHash2 of 32 bits with Kafka's seed, unsigned."""
    size = len(data)
    count = size >> 2
    hash = _SEED ^ size
    for word in _WORDS[count](data) if count < len(_WORDS) else struct.unpack_from(f"<{count}I", data):
        word = word * _MULTIPLIER & _MASK
        hash = (hash * _MULTIPLIER & _MASK) ^ ((word ^ (word >> 24)) * _MULTIPLIER & _MASK)
    if rest := size & 3:
        hash = (hash ^ int.from_bytes(data[-rest:], "little")) * _MULTIPLIER & _MASK
    hash = (hash ^ (hash >> 13)) * _MULTIPLIER & _MASK
    return hash ^ (hash >> 15)

"""A part of a graph takes the place of another, byte by byte, and everything else stays as it was."""

from __future__ import annotations

import pytest

from demo.onnx_file import exchanged


def sized(number: int, content: bytes) -> bytes:
    """A field of bytes. Sizes up to 16,383."""
    size = [len(content)] if len(content) < 128 else [len(content) & 0x7F | 0x80, len(content) >> 7]
    return bytes([number << 3 | 2, *size]) + content


def node(gives: str, *reads: str) -> bytes:
    return sized(1, b"".join(sized(1, name.encode()) for name in reads) + sized(2, gives.encode()))


WEIGHTS = sized(5, b"\x08\x02" + sized(9, bytes(range(256)) * 8))
# A version (a number), a double, a float and the graph: one field of each way in which one is written.
HEAD = b"\x08\x80\x01" + b"\x79" + bytes(8) + b"\x7d" + bytes(4)
INPUT, OUTPUT = sized(11, sized(1, b"ids")), sized(12, sized(1, b"hidden"))
TAIL = sized(8, b"\x10\x0b")
MODEL = HEAD + sized(7, node("mask", "ids") + node("hidden", "mask") + WEIGHTS + INPUT + OUTPUT) + TAIL
PART = sized(7, node("mask", "kinds") + sized(12, sized(1, b"score")))


def test_the_rest_of_the_model_stays_and_the_part_comes_after_it() -> None:
    assert exchanged(MODEL, PART, {"mask"}) == HEAD + TAIL + sized(7, node("hidden", "mask") + WEIGHTS) + PART


def test_a_node_that_reads_a_value_is_not_the_one_that_computes_it() -> None:
    assert node("hidden", "mask") in exchanged(MODEL, PART, {"mask"})


def test_a_model_that_computes_no_such_value_is_another_model() -> None:
    with pytest.raises(ValueError, match="The graph computes no kinds, places"):
        exchanged(MODEL, PART, {"mask", "kinds", "places"})

"""Part of an ONNX graph exchanged for another, by the bytes of the file: a Protocol Buffers message, for which no library is
needed. Two such messages one after the other are one, with the nodes, inputs and outputs of both."""

from collections.abc import Iterator, Set
from typing import NamedTuple

# Fields of ModelProto, GraphProto and NodeProto.
_GRAPH, _NODE, _INPUT, _OUTPUT, _NODE_OUTPUT = 7, 1, 11, 12, 2
_NUMBER, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5
_FIXED_SIZES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


class _Field(NamedTuple):
    """`whole`: with its key and its size; `content`: without."""

    number: int
    whole: bytes
    content: bytes


def exchanged(model: bytes, part: bytes, computes: Set[str]) -> bytes:
    """The model with the inputs and outputs of `part`, whose nodes compute the values named `computes` in place of its own.

    ValueError where the model has no node for one of them.
    """
    others, graph = b"", b""
    for field in _fields(model):
        if field.number == _GRAPH:
            graph = field.content
        else:
            others += field.whole
    kept = _without(graph, {name.encode() for name in computes})
    return others + _varint(_GRAPH << 3 | _SIZED) + _varint(len(kept)) + kept + part


def _without(graph: bytes, computed: Set[bytes]) -> bytes:
    kept, left_out = [], set()
    for field in _fields(graph):
        ours = _outputs(field.content) & computed if field.number == _NODE else set()
        left_out |= ours
        if not ours and field.number not in (_INPUT, _OUTPUT):
            kept.append(field.whole)
    if left_out != computed:
        raise ValueError(f"The graph computes no {', '.join(sorted(map(bytes.decode, computed - left_out)))}.")
    return b"".join(kept)


def _outputs(node: bytes) -> set[bytes]:
    return {field.content for field in _fields(node) if field.number == _NODE_OUTPUT}


def _fields(message: bytes) -> Iterator[_Field]:
    at = 0
    while at < len(message):
        key, start = _read_varint(message, at)
        kind = key & 7
        if kind == _NUMBER:
            _, end = _read_varint(message, start)
        elif kind == _SIZED:
            size, start = _read_varint(message, start)
            end = start + size
        else:
            end = start + _FIXED_SIZES[kind]
        yield _Field(key >> 3, message[at:end], message[start:end])
        at = end


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that starts there, and where what follows it starts."""
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def _varint(number: int) -> bytes:
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*content, number])

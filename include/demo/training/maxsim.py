"""`python -m demo.training.maxsim`: write the part of demo/maxsim.py's graph that is ours.

Needs onnx 1.23. A query and a text come as one row of tokens, kind 0 and 1: [CLS] query [SEP] text [SEP].
"""

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from demo.maxsim import KINDS, MASK, PLACES, PROGRAM, WORDS

CLS, SEP = 101, 102
# Added to the attention of what is not to be seen.
_UNSEEN = -10_000
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_HIDDEN, _SCORE, _ONES = "last_hidden_state", "similarity", "maxsim/ones"


class Graph:
    """Nodes and constants as they are added. A value is known by its name."""

    def __init__(self) -> None:
        self.proto = GraphProto()

    def add(self, kind: str, *inputs: str, gives: str = "", **attributes: object) -> str:
        """The name of the value that a node of that kind gives: `gives`, or one by its number."""
        name = gives or f"maxsim/{len(self.proto.node)}"
        self.proto.node.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, value: float, kind: type[np.generic]) -> str:
        """A single number."""
        name = f"maxsim/{kind.__name__}/{value}"
        if name not in {known.name for known in self.proto.initializer}:
            self.proto.initializer.append(numpy_helper.from_array(np.array(value, kind), name))
        return name

    def whole(self, value: int) -> str:
        """A number as tokens are counted with."""
        return self.constant(value, np.int64)

    def part(self) -> bytes:
        """To be appended to a model's file, which says the rest: no version, no operators."""
        self.proto.input.extend(
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in _INPUTS
        )
        self.proto.output.append(helper.make_tensor_value_info(_SCORE, TensorProto.FLOAT, ["batch", 1]))
        return bytes(ModelProto(graph=self.proto).SerializeToString())


def main() -> None:
    """Write the program."""
    graph = Graph()
    ids, there, kind = _with_a_start(graph)
    _embedded(graph, ids, kind)
    _seen_apart(graph, there, kind)
    _scored(graph, ids, there, kind)
    PROGRAM.write_bytes(graph.part())


def _with_a_start(graph: Graph) -> tuple[str, str, str]:
    """Ids, mask and kinds with a [CLS] for the text, too. It may stand at the end: a token's place is a number."""
    ones = graph.add("Add", graph.add("Mul", "input_ids", graph.whole(0)), graph.whole(1), gives=_ONES)
    one = graph.add("ReduceMax", ones, axes=[1], keepdims=1)
    start = graph.add("Mul", one, graph.whole(CLS))
    return (
        graph.add("Concat", "input_ids", start, axis=1),
        graph.add("Concat", "attention_mask", one, axis=1),
        graph.add("Concat", "token_type_ids", one, axis=1),
    )


def _embedded(graph: Graph, ids: str, kind: str) -> None:
    """Words; kind 0 for all, as each text alone has; places from 0 in each."""
    graph.add("Gather", "embeddings.word_embeddings.weight_quantized", ids, gives=WORDS)
    kinds = graph.add("Mul", kind, graph.whole(0))
    graph.add("Gather", "embeddings.token_type_embeddings.weight_quantized", kinds, gives=KINDS)
    size = graph.add("ReduceSum", graph.add("Sub", graph.whole(1), kind), axes=[1], keepdims=1)
    before_text = graph.add("Sub", size, graph.whole(1))
    places = graph.add("Sub", graph.add("CumSum", _ONES, graph.constant(1, np.int32)), graph.whole(1))
    all_places = graph.add("Concat", places, before_text, axis=1)
    graph.add("Sub", all_places, graph.add("Mul", kind, before_text), gives=PLACES)


def _seen_apart(graph: Graph, there: str, kind: str) -> None:
    """A token sees those of its own text."""
    same = graph.add("Equal", graph.add("Unsqueeze", kind, axes=[2]), graph.add("Unsqueeze", kind, axes=[1]))
    others = graph.add("Unsqueeze", graph.add("Cast", there, to=TensorProto.BOOL), axes=[1])
    seen = graph.add("Cast", graph.add("And", same, others), to=TensorProto.FLOAT)
    unseen = graph.add("Sub", graph.constant(1, np.float32), seen)
    graph.add("Unsqueeze", graph.add("Mul", unseen, graph.constant(_UNSEEN, np.float32)), axes=[1], gives=MASK)


def _scored(graph: Graph, ids: str, there: str, kind: str) -> None:
    """Special tokens count on neither side."""
    special = graph.add("Or", graph.add("Equal", ids, graph.whole(CLS)), graph.add("Equal", ids, graph.whole(SEP)))
    word = graph.add("And", graph.add("Not", special), graph.add("Cast", there, to=TensorProto.BOOL))
    second = graph.add("Cast", kind, to=TensorProto.BOOL)
    of_text = graph.add("Unsqueeze", graph.add("And", word, second), axes=[1])
    of_query = graph.add("Cast", graph.add("And", word, graph.add("Not", second)), to=TensorProto.FLOAT)
    unit = graph.add("Div", _HIDDEN, graph.add("ReduceL2", _HIDDEN, axes=[2], keepdims=1))
    near = graph.add("MatMul", unit, graph.add("Transpose", unit, perm=[0, 2, 1]))
    nearest = graph.add("Where", of_text, near, graph.constant(-1, np.float32))
    best = graph.add("Mul", graph.add("ReduceMax", nearest, axes=[2], keepdims=0), of_query)
    total = graph.add("ReduceSum", best, axes=[1], keepdims=1)
    count = graph.add("ReduceSum", of_query, axes=[1], keepdims=1)
    graph.add("Div", total, graph.add("Max", count, graph.constant(1, np.float32)), gives=_SCORE)


if __name__ == "__main__":
    main()

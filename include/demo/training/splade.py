"""`python -m demo.training.splade`: write the SPLADE encoder's program, TorchScript without its tensors, for demo/splade.py.

Needs torch 2.5. The tensors are added from the published package when the model is packed, so that no user needs torch.
"""

import io
import json
import struct
import zipfile

import torch
from torch import Tensor, nn
from torch.nn import functional

from demo.splade import PROGRAM, TENSORS

VOCABULARY, POSITIONS, WIDTH, INNER = 30_522, 512, 128, 512
_FIXED_TIME = (2025, 1, 1, 0, 0, 0)
# What else torch writes: where the source text was, and an id of the file.
_LEFT_OUT = (".debug_pkl", "serialization_id")


class Linear(nn.Module):  # type: ignore[misc]
    """A linear map: weight and bias."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(*shape))
        self.register_buffer("bias", torch.zeros(shape[0]))

    def forward(self, values: Tensor) -> Tensor:
        return functional.linear(values, self.weight, self.bias)


class Norm(nn.Module):  # type: ignore[misc]
    """A normalisation of the last axis, 128 numbers wide."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("gamma", torch.zeros(WIDTH))
        self.register_buffer("beta", torch.zeros(WIDTH))

    def forward(self, values: Tensor) -> Tensor:
        return functional.layer_norm(values, [128], self.gamma, self.beta, 1e-12)


class Layer(nn.Module):  # type: ignore[misc]
    """One layer of BERT."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = Linear(WIDTH, WIDTH), Linear(WIDTH, WIDTH), Linear(WIDTH, WIDTH)
        self.attended, self.attended_norm = Linear(WIDTH, WIDTH), Norm()
        self.widened, self.narrowed, self.narrowed_norm = Linear(INNER, WIDTH), Linear(WIDTH, INNER), Norm()

    def forward(self, values: Tensor, hidden: Tensor) -> Tensor:
        """values [batch, length, 128]; hidden [batch, 1, 1, length] is added to the attention."""
        batch, length = values.shape[0], values.shape[1]
        query = self.query(values).view(batch, length, 2, 64).transpose(1, 2)
        key = self.key(values).view(batch, length, 2, 64).transpose(1, 2)
        value = self.value(values).view(batch, length, 2, 64).transpose(1, 2)
        shares = torch.softmax(query.matmul(key.transpose(2, 3)) / 8.0 + hidden, dim=3)
        attended = shares.matmul(value).transpose(1, 2).reshape(batch, length, 128)
        values = self.attended_norm(self.attended(attended) + values)
        return self.narrowed_norm(self.narrowed(functional.gelu(self.widened(values))) + values)


class Splade(nn.Module):  # type: ignore[misc]
    """BERT as a masked language model; a token's weight is log(1 + relu) of its largest score at any place of the text."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("words", torch.zeros(VOCABULARY, WIDTH))
        self.register_buffer("places", torch.zeros(POSITIONS, WIDTH))
        self.register_buffer("kinds", torch.zeros(2, WIDTH))
        self.norm = Norm()
        self.first, self.second = Layer(), Layer()
        self.transform, self.transform_norm = Linear(WIDTH, WIDTH), Norm()
        self.register_buffer("bias", torch.zeros(VOCABULARY))

    def forward(self, input1: dict[str, Tensor]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` [batch, length] -> `output` [batch, vocabulary]."""
        ids, mask = input1["input_ids"].long(), input1["attention_mask"].float()
        values = self.norm(self.words[ids] + self.places[: ids.shape[1]] + self.kinds[0])
        hidden = (1.0 - mask[:, None, None, :]) * -1.0e9
        values = self.second(self.first(values, hidden), hidden)
        values = self.transform_norm(functional.gelu(self.transform(values)))
        scores = functional.linear(values, self.words, self.bias)
        return {"output": torch.log1p(torch.relu(scores * mask[:, :, None]).amax(dim=1))}


def published_names() -> dict[str, str]:
    """This program's name of a tensor -> its name in the published package."""
    names = {
        "words": "bert.embeddings.word_embeddings.weight",
        "places": "bert.embeddings.position_embeddings.weight",
        "kinds": "bert.embeddings.token_type_embeddings.weight",
        "bias": "cls.predictions.bias",
    }
    pieces = {"norm": "bert.embeddings.LayerNorm", "transform_norm": "cls.predictions.transform.LayerNorm"}
    pieces["transform"] = "cls.predictions.transform.dense"
    parts = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "attended": "attention.output.dense",
        "attended_norm": "attention.output.LayerNorm",
        "widened": "intermediate.dense",
        "narrowed": "output.dense",
        "narrowed_norm": "output.LayerNorm",
    }
    for number, layer in enumerate(("first", "second")):
        pieces |= {f"{layer}.{ours}": f"bert.encoder.layer.{number}.{theirs}" for ours, theirs in parts.items()}
    for ours, theirs in pieces.items():
        ends = ("gamma", "beta") if ours.endswith("norm") else ("weight", "bias")
        names |= {f"{ours}.{end}": f"{theirs}.{end}" for end in ends}
    return names


def marked(module: nn.Module) -> list[str]:
    """Writes its own number into each tensor, so that it is recognised in the archive; the names by number."""
    names = [name for name, _ in module.named_buffers()]
    for number, (_, tensor) in enumerate(module.named_buffers()):
        tensor.fill_(number)
    return names


def write_program() -> None:
    """Write PROGRAM: what torch saves less the tensors, and which published tensor belongs in which place."""
    module = Splade().eval()
    names, published, saved = marked(module), published_names(), io.BytesIO()
    torch.jit.save(torch.jit.script(module), saved)
    tensors: dict[str, str] = {}
    with zipfile.ZipFile(saved) as full, zipfile.ZipFile(PROGRAM, "w") as program:
        for name in full.namelist():
            place = name.partition("/")[2]
            if place.startswith("data/"):
                tensors[place] = published[names[_mark(full.read(name))]]
            elif not place.endswith(_LEFT_OUT):
                _add(program, place, full.read(name))
        _add(program, TENSORS, json.dumps(tensors, indent=1).encode())


def _mark(tensor: bytes) -> int:
    return int(struct.unpack_from("<f", tensor)[0])


def _add(program: zipfile.ZipFile, name: str, content: bytes) -> None:
    program.writestr(zipfile.ZipInfo(name, _FIXED_TIME), content, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    write_program()

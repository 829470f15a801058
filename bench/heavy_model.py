"""A sparse model with the compute of `v2-distill`: DistilBERT's shape (67 M weights), TorchScript, weights by a seed.

    PYTHONPATH=include python bench/heavy_model.py FOLDER

Writes model.zip and config.json as `demo.model_archive` does. Needs torch. It knows no language: which tokens a text gets means
nothing, and how many is set by texts of 64 tokens. Its tokenizer is that of the demo's small model, whose ids are a part of the
vocabulary.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import torch
from torch import nn

from demo.model_archive import write_model

TOY = Path(__file__).parents[1] / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
VOCABULARY, WIDTH, HEADS, LAYERS, POSITIONS = 30_522, 768, 12, 6, 512
TOKENS_OF_A_TEXT, LENGTH = 200, 64
BODY = {"name": "heavy", "version": "1.0.0", "model_format": "TORCH_SCRIPT", "function_name": "SPARSE_ENCODING"}


class Layer(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.norm, self.last = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.heads = HEADS

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.size()
        shape = [batch, length, self.heads, width // self.heads]
        q, k, v = (each.view(shape).transpose(1, 2) for each in (self.q(x), self.k(x), self.v(x)))
        scores = torch.matmul(q, k.transpose(2, 3)) / 8.0
        share = torch.softmax(scores.masked_fill(mask[:, None, None, :] == 0, -10_000.0), -1)
        seen = torch.matmul(share, v).transpose(1, 2).reshape(batch, length, width)
        x = self.norm(x + self.out(seen))
        return self.last(x + self.narrow(nn.functional.gelu(self.wide(x))))


class Heavy(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.head, self.head_norm = nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH)
        self.bias = nn.Parameter(torch.zeros(VOCABULARY))

    def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        place = torch.cumsum(torch.ones_like(ids), 1) - 1
        x = self.norm(self.words(ids) + self.places(place))
        for layer in self.layers:
            x = layer(x, mask)
        x = self.head_norm(nn.functional.gelu(self.head(x)))
        logits = nn.functional.linear(x, self.words.weight, self.bias)
        weights = torch.log1p(torch.relu(logits)) * mask[:, :, None]
        return {"output": weights.amax(1)}


def heavy() -> Heavy:
    torch.manual_seed(1)
    model = Heavy()
    model.eval()
    with torch.inference_mode():
        model.words.weight.mul_(0.2)
        ids = torch.randint(1_000, (8, LENGTH))
        model.bias.fill_(10.0)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        highest = torch.expm1(model(inputs)["output"]) - 10.0
        model.bias.fill_(-float(highest.sort().values[:, -TOKENS_OF_A_TEXT].mean()))
    return model


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("folder", type=Path)
    program = io.BytesIO()
    torch.jit.save(torch.jit.script(heavy()), program)
    with zipfile.ZipFile(TOY) as archive:
        tokenizer = archive.read("tokenizer.json")
    write_model(options.parse_args().folder, {"heavy.pt": program.getvalue(), "tokenizer.json": tokenizer}, BODY)


if __name__ == "__main__":
    main()

"""What is in the zip of a trained model: its TorchScript program and its tokenizer."""

import io

import torch
from tokenizers import Tokenizer
from torch import nn


def members(name: str, module: nn.Module, tokenizer: Tokenizer) -> dict[str, bytes]:
    """File name -> content, as `demo.model_archive.write_model` takes them."""
    program = io.BytesIO()
    torch.jit.save(torch.jit.script(module.eval()), program)
    return {f"{name}.pt": program.getvalue(), "tokenizer.json": tokenizer.to_str().encode()}

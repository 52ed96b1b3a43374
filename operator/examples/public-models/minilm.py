"""all-MiniLM-L6-v2 as a torch module, in nothing but torch: `python:minilm:build`.

Its weights are read from `minilm.safetensors` in the folder that PUBLIC_MODELS names, `models`
beside this file by default. Module names are those of the weights.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH, INNER, HEADS, LAYERS = 384, 1536, 12, 6
WORDS, POSITIONS, KINDS = 30522, 512, 2
EPSILON = 1e-12


def build() -> nn.Module:
    """Return the module with its weights."""
    folder = Path(os.environ.get("PUBLIC_MODELS") or Path(__file__).resolve().parent / "models")
    module = SentenceEncoder()
    weights = read_safetensors(folder / "minilm.safetensors")
    kept = {name: weights[name] for name in module.state_dict()}
    module.load_state_dict(kept, assign=True)
    return module


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the float32 tensors of a file: a length, a JSON header, then the bytes."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    return {
        name: torch.frombuffer(
            data, dtype=torch.float32, count=(end - start) // 4, offset=start
        ).reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
        for start, end in [entry["data_offsets"]]
    }


class SentenceEncoder(nn.Module):
    """input_ids, attention_mask, token_type_ids -> one vector of length one for each sentence."""

    def __init__(self) -> None:
        """Make all layers."""
        super().__init__()
        self.embeddings = Embeddings()
        self.encoder = Encoder()

    def forward(self, ids: Tensor, mask: Tensor, kinds: Tensor) -> dict[str, Tensor]:
        """Return the mean over the words that are no padding."""
        values = self.encoder(self.embeddings(ids, kinds), mask)
        shown = mask.unsqueeze(-1).to(values.dtype)
        mean = (values * shown).sum(1) / shown.sum(1).clamp(min=1e-6)
        return {"embedding": functional.normalize(mean, dim=-1)}


class Embeddings(nn.Module):
    """Words, places and kinds as vectors."""

    def __init__(self) -> None:
        """Make the tables."""
        super().__init__()
        self.word_embeddings = nn.Embedding(WORDS, WIDTH)
        self.position_embeddings = nn.Embedding(POSITIONS, WIDTH)
        self.token_type_embeddings = nn.Embedding(KINDS, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=EPSILON)

    def forward(self, ids: Tensor, kinds: Tensor) -> Tensor:
        """Return their sum, normalised."""
        places = torch.arange(ids.shape[1], device=ids.device)
        total = self.word_embeddings(ids) + self.token_type_embeddings(kinds)
        normalised: Tensor = self.LayerNorm(total + self.position_embeddings(places))
        return normalised


class Encoder(nn.Module):
    """All layers, one after the other."""

    def __init__(self) -> None:
        """Make them."""
        super().__init__()
        self.layer = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return the values of the last layer."""
        for layer in self.layer:
            values = layer(values, mask)
        return values


class Layer(nn.Module):
    """Attention, then two dense layers."""

    def __init__(self) -> None:
        """Make both halves."""
        super().__init__()
        self.attention = Attention()
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(WIDTH, INNER)})
        self.output = Output(INNER)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return the values of the next layer."""
        attended = self.attention(values, mask)
        wide = functional.gelu(self.intermediate["dense"](attended))
        result: Tensor = self.output(wide, attended)
        return result


class Attention(nn.Module):
    """Each word looks at the words that are no padding."""

    def __init__(self) -> None:
        """Make the projections."""
        super().__init__()
        names = ("query", "key", "value")
        self.self = nn.ModuleDict({name: nn.Linear(WIDTH, WIDTH) for name in names})
        self.output = Output(WIDTH)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return what each word has seen, added to itself."""
        batch, length, _ = values.shape
        query, key, value = (
            projection(values).view(batch, length, HEADS, -1).transpose(1, 2)
            for projection in self.self.values()
        )
        seen = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask.bool()[:, None, None, :]
        )
        joined = seen.transpose(1, 2).reshape(batch, length, WIDTH)
        result: Tensor = self.output(joined, values)
        return result


class Output(nn.Module):
    """A dense layer whose result is added to what came before, normalised."""

    def __init__(self, width: int) -> None:
        """Make a layer from `width`."""
        super().__init__()
        self.dense = nn.Linear(width, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=EPSILON)

    def forward(self, values: Tensor, before: Tensor) -> Tensor:
        """Return the sum, normalised."""
        normalised: Tensor = self.LayerNorm(self.dense(values) + before)
        return normalised

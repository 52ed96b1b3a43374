"""Functions that return torch modules, as users write them."""

from __future__ import annotations

import torch
from torch import nn


class TwoHeads(nn.Module):
    """Takes two inputs, gives named outputs, and keeps a buffer that is not saved."""

    offset: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.register_buffer("offset", torch.ones(3), persistent=False)

    def forward(self, image: torch.Tensor, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        scores = self.layer(image) + self.offset
        return {"scores": scores, "best": scores.argmax(dim=-1) + ids}


class ManyOutputs(nn.Module):
    """Gives a tuple."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x + 1, x.sum(dim=1)


class NoBatch(nn.Module):
    """Forgets the batch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum()


def build_mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 3))


def build_two_heads() -> nn.Module:
    torch.manual_seed(0)
    return TwoHeads()


def build_many_outputs() -> nn.Module:
    return ManyOutputs()


def build_without_batch() -> nn.Module:
    return NoBatch()


def build_nothing() -> str:
    return "no module"

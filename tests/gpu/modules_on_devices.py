"""Functions that return torch modules which ask more of a device than it has."""

from __future__ import annotations

import torch
from torch import nn


class Greedy(nn.Module):
    """Wants a tebibyte of the memory of where it runs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not x.is_cuda:
            return x
        return x + torch.empty(2**38, device=x.device)[: x.shape[-1]]


class OutOfBounds(nn.Module):
    """Reads behind the end of a table, which a kernel finds out."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        table = torch.arange(4, device=x.device, dtype=x.dtype)
        return x + table[(x * 0 + (9 if x.is_cuda else 1)).long()]


def build_greedy() -> nn.Module:
    return Greedy()


def build_out_of_bounds() -> nn.Module:
    return OutOfBounds()


def build_deep_mlp() -> nn.Module:
    torch.manual_seed(0)
    layers = [layer for _ in range(8) for layer in (nn.Linear(1024, 1024), nn.ReLU())]
    return nn.Sequential(nn.Linear(4, 1024), *layers, nn.Linear(1024, 3))

"""Where trials keep what they have built, for later trials that would build the same."""

from __future__ import annotations

from pydantic import Field

from deploytune.api.quantities import MemoryQuantity, bytes_of
from deploytune.contract.models import ContractModel, Name

DEFAULT_SIZE_LIMIT = "10Gi"


class ArtefactCacheSpec(ContractModel):
    """A volume that all trials of a tuning share, and maybe other tunings."""

    volume: Name = Field(
        description="name of a volume of podTemplate: a persistentVolumeClaim that all nodes of "
        "the pools can mount for writing; on one machine --artefact-cache takes its place"
    )
    size_limit: MemoryQuantity = Field(
        default=DEFAULT_SIZE_LIMIT,
        description="bytes beyond which what was not used for the longest time is removed",
    )


def size_limit_bytes(cache: ArtefactCacheSpec | None) -> int:
    """Return the size limit of a cache, the default where nothing was said of one."""
    return bytes_of(DEFAULT_SIZE_LIMIT if cache is None else cache.size_limit)

"""A cluster of the test run's own: made in a new state folder, removed with its owner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clusters.binaries import binaries
from clusters.control_plane import ControlPlane, Ports
from clusters.ownership import Keeper, new_state_folder, remove_clusters_of_dead_owners


@contextmanager
def own_control_plane() -> Iterator[ControlPlane]:
    """Run a control plane for as long as the context lasts."""
    remove_clusters_of_dead_owners()
    programs = binaries()
    state = new_state_folder()
    keeper = Keeper(state)
    control_plane = ControlPlane(state, programs, Ports())
    try:
        control_plane.start()
        yield control_plane
    finally:
        keeper.remove()
        control_plane.forget()

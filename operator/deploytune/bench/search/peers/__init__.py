"""The searches that are compared, by name, each behind the same small port.

A peer starts a session on a problem; the session is asked for configurations and told how they
ended, in the order in which they end. A peer that is not installed says so when it is started.
"""

from __future__ import annotations

from deploytune.bench.search.peers.ablations import ABLATIONS
from deploytune.bench.search.peers.catalogue import KNOWN, PEERS, check_peers, peer_named
from deploytune.bench.search.peers.port import Peer, Session

__all__ = ["ABLATIONS", "KNOWN", "PEERS", "Peer", "Session", "check_peers", "peer_named"]

"""Every peer by name."""

from __future__ import annotations

from deploytune.bench.search.peers.ablations import ABLATIONS
from deploytune.bench.search.peers.hyperopt_native import hyperopt_peer
from deploytune.bench.search.peers.optuna_native import optuna_peer
from deploytune.bench.search.peers.oracle import start_oracle
from deploytune.bench.search.peers.own import OWN, own_peer
from deploytune.bench.search.peers.port import Peer
from deploytune.bench.search.peers.smac_native import smac_peer
from deploytune.contract.errors import InvalidTuningError

_PEERS = (
    own_peer("random", "uniform", OWN["random"]),
    own_peer("tpe", "the product's TPE: Optuna's, multivariate + group", OWN["tpe"]),
    own_peer("tba-paper", "TBA as published, our reading", OWN["tba-paper"], looks_at_budget=True),
    own_peer("tba", "the product's default", OWN["tba"], looks_at_budget=True),
    optuna_peer("optuna-tpe", "Optuna's TPE, univariate", "TPESampler", multivariate=False),
    optuna_peer(
        "optuna-tpe-group",
        "Optuna's TPE, multivariate + group",
        "TPESampler",
        multivariate=True,
        group=True,
    ),
    optuna_peer("optuna-gp", "Optuna's Gaussian process", "GPSampler"),
    optuna_peer(
        "optuna-nsga2",
        "Optuna's NSGA-II, ten a generation: with its fifty it would be random here",
        "NSGAIISampler",
        population_size=10,
    ),
    smac_peer("smac"),
    hyperopt_peer("hyperopt"),
    Peer("oracle", "knows what is feasible", start_oracle),
)

PEERS = {peer.name: peer for peer in _PEERS}
"""Every search that is compared, by name."""

KNOWN = {**PEERS, **ABLATIONS}
"""Those, and the ablations of our own."""


def peer_named(name: str) -> Peer:
    """Return the peer of that name.

    Raises:
        InvalidTuningError: there is none.
    """
    peer = KNOWN.get(name)
    if peer is None:
        rule = f"must be among {', '.join(PEERS)}, or an ablation that `bench list` shows"
        raise InvalidTuningError("strategies", rule, name)
    return peer


def check_peers(names: tuple[str, ...]) -> None:
    """Refuse a peer that there is not, or that cannot run here.

    Raises:
        InvalidTuningError: there is no such peer, or no such strategy behind it.
        MachineError: a package that it needs is not installed.
    """
    for name in names:
        peer_named(name).check()

"""deploytune finds the deployment of a model that meets its limits.

Layers, lowest first: contract, search, api, state, runtime, cli. Each imports only from the ones
before it.
"""

__version__ = "0.1.0"

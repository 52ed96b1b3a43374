"""The kinds of objects that deploytune reads and writes, and where the API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from deploytune.api.tuning import API_VERSION


@dataclass(frozen=True)
class Resource:
    """A kind of object by its API version and plural."""

    api_version: str
    plural: str
    kind: str

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """Return the path of all its objects, of a namespace's, of one, or of a part of one."""
        root = "apis" if "/" in self.api_version else "api"
        scope = () if namespace is None else ("namespaces", namespace)
        parts = (root, *self.api_version.split("/"), *scope, self.plural, name, subresource)
        return "/" + "/".join(quote(part, safe="") for part in parts if part)


TUNINGS = Resource(API_VERSION, "deploymenttunings", "DeploymentTuning")
TRIALS = Resource(API_VERSION, "tuningtrials", "TuningTrial")
PODS = Resource("v1", "pods", "Pod")
EVENTS = Resource("v1", "events", "Event")
NODES = Resource("v1", "nodes", "Node")
LEASES = Resource("coordination.k8s.io/v1", "leases", "Lease")

# Looked at by a preflight alone.
CLAIMS = Resource("v1", "persistentvolumeclaims", "PersistentVolumeClaim")
CONFIG_MAPS = Resource("v1", "configmaps", "ConfigMap")
QUOTAS = Resource("v1", "resourcequotas", "ResourceQuota")
SECRETS = Resource("v1", "secrets", "Secret")
PRIORITY_CLASSES = Resource("scheduling.k8s.io/v1", "priorityclasses", "PriorityClass")
RUNTIME_CLASSES = Resource("node.k8s.io/v1", "runtimeclasses", "RuntimeClass")
STORAGE_CLASSES = Resource("storage.k8s.io/v1", "storageclasses", "StorageClass")

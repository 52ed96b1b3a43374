from __future__ import annotations

from api_builders import a_cluster_document, edited, parsed

from deploytune.state.preflight.rehearsals import rehearsed_pod

IMAGE = "registry.example.com/trial:1"


def test_a_rehearsed_pod_is_the_first_trials_without_owner_and_finalizer() -> None:
    tuning = parsed(edited("metadata.namespace", "team", a_cluster_document()))
    pod = rehearsed_pod(tuning, tuning.spec.node_pools[1], IMAGE)

    assert {"generateName", "namespace", "labels", "annotations"} == pod["metadata"].keys()
    assert "digits-preflight-" == pod["metadata"]["generateName"]
    assert {"example.com/gpu-pool": "l4"} == pod["spec"]["nodeSelector"]
    (container,) = pod["spec"]["containers"]
    assert IMAGE == container["image"]
    assert "1" == container["resources"]["limits"]["nvidia.com/gpu"]
    assert '"intraOpThreads":2' in container["env"][-1]["value"]

"""Real Kubernetes for the tests: on this machine, without a container registry.

`binaries` builds the programs, `control_plane` runs etcd, API server, controller manager and
scheduler, `kubelets` adds nodes with their own containerd, `kwok` nodes that only pretend, `images`
makes the images the Pods need. `removal` is the one way a cluster ends, whoever ends it.

For a cluster to work with by hand:

    PYTHONPATH=tests python -m clusters.up --nodes 2 /tmp/mine
    PYTHONPATH=tests python -m clusters.down /tmp/mine
"""

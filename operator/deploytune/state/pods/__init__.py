"""Trial Pods: what is asked of the cluster, and what its Pods say. Pure."""

"""What is told about tunings beside their status: Kubernetes Events, logs."""

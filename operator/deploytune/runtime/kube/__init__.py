"""The port on a cluster: attempts are Pods, records are TuningTrials."""

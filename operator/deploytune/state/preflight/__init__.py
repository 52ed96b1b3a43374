"""What will go wrong with a tuning in a cluster, told before any accelerator is taken; pure."""

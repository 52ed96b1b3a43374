"""How trials measure, on simulated servers: played by the trial's own code, in a process."""

"""Triton: its model repository, its server process and its clients."""

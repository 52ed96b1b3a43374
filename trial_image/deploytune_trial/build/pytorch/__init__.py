"""Variants of torch modules, eager and compiled."""

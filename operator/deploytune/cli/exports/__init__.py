"""The formats of `deploytune export`: one module each, and where their outputs go."""

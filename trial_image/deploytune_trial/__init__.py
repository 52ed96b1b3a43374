"""The trial runtime: builds one variant of a model, serves it through Triton and measures it.

It knows nothing of the operator but `deploytune.contract`.
"""

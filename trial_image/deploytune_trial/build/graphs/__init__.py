"""Graphs of ONNX files in other precisions, whatever runs them."""

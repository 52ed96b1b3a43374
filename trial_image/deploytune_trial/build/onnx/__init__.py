"""Variants of ONNX files, for ONNX Runtime."""

"""Engines of ONNX files, for TensorRT."""

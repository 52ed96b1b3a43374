"""Models as the trial is given them: ONNX files, and Python functions that return a module."""

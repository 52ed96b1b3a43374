"""A model for Triton's Python backend that returns its input: a server that costs little."""

from __future__ import annotations

ECHO = """
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(
                        "y", pb_utils.get_input_tensor_by_name(request, "x").as_numpy()
                    )
                ]
            )
            for request in requests
        ]
"""

_CONFIGURATION = """
backend: "python"
max_batch_size: 64
input [{ name: "x" data_type: TYPE_FP32 dims: [4] }]
output [{ name: "y" data_type: TYPE_FP32 dims: [4] }]
instance_group [{ kind: KIND_CPU count: INSTANCES }]
dynamic_batching { }
"""


def configuration(instances: int) -> str:
    """Return the model's configuration with so many processes that answer."""
    return _CONFIGURATION.replace("INSTANCES", str(instances))

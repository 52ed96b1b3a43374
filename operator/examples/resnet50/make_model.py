"""Write a network with the size and shape of ResNet-50, with seeded weights, and its data.

The idea: how long a network takes and how much memory it needs depends on its shape, not on what it
has learnt, so a tuning for throughput needs no training and no download. The weights are random,
but not careless:

- Every convolution's output is normalised by the statistics of a seeded batch, as batch
  normalisation would have done, and the result is folded into the convolution. Activations then
  stay of one size through all fifty layers. The statistics come from one run of a first graph that
  normalises as it goes.
- The last layer holds the features of a thousand seeded pictures, one for each class, and scores
  how near a picture's features come to each. A picture with noise on it thus has a true class,
  and a loss of precision shows as a loss of accuracy.

Pictures are seeded noise, coarse enough to survive the strides, of 3 x 96 x 96: a ResNet-50 at the
usual 224 takes about five times as long, too long for many trials on two cores. `--side 224` gives
that one.

Run it from anywhere: `python make_model.py`. It takes half a minute and writes 100 MB next to
itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
Shape = list[str | int | None]

HERE = Path(__file__).resolve().parent
SEED = 50
OPSET = 17
IR_VERSION = 8
CLASSES = 1000
BLOCKS_PER_STAGE = (3, 4, 6, 3)
STEM_CHANNELS = 64
EXPANSION = 4
FEATURES = 2048
CALIBRATION_SAMPLES = 64
EVALUATION_SAMPLES = 128
COARSE_PIXELS = 8
BATCH = 32
# Blocks that refine what comes in rather than replace it, as in a trained network: at 1, fifty
# random layers blow any rounding up until nothing is left of the answer.
RESIDUAL_GAIN = 0.25
# How much a picture differs from the one it was made of, in units of the picture's own contrast.
NOISE = np.float32(0.6)
EPSILON = np.float32(1e-5)


@dataclass(frozen=True)
class Convolution:
    """One convolution of the network, known by its name."""

    name: str
    channels_in: int
    channels_out: int
    kernel: int
    stride: int = 1
    gain: float = 1.0


@dataclass
class Graph:
    """An ONNX graph under construction: nodes in order, and the constants they read."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Store a constant under a name and return the name."""
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append a node and return the name of its output."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        output = output or f"{name}_output"
        self.nodes.append(helper.make_node(operator, inputs, [output], name, **attributes))
        return output

    def model(self, side: int, outputs: dict[str, Shape]) -> onnx.ModelProto:
        """Close the graph over pictures of the given side."""
        image_shape: Shape = ["batch", 3, side, side]
        graph = helper.make_graph(
            self.nodes,
            "resnet50",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, image_shape)],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, shape in outputs.items()
            ],
            self.constants,
        )
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="deploytune resnet50 example",
        )


# Writes one convolution with its normalisation, and returns the name of the output.
Convolve = Callable[[Graph, Convolution, str], str]


def write_features(graph: Graph, convolve: Convolve) -> str:
    """Write everything before the classifier and return the name of the pooled features."""
    stem = convolve(graph, Convolution("stem", 3, STEM_CHANNELS, kernel=7, stride=2), "image")
    value = graph.add("Relu", stem)
    value = graph.add("MaxPool", value, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = STEM_CHANNELS
    for stage, blocks in enumerate(BLOCKS_PER_STAGE):
        width = STEM_CHANNELS * 2**stage
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            look = Convolution(f"stage{stage + 1}_block{block + 1}", width, width, 3, stride)
            value = write_bottleneck(graph, convolve, value, look, channels)
            channels = width * EXPANSION
    return graph.add("Flatten", graph.add("GlobalAveragePool", value), axis=1)


def write_bottleneck(
    graph: Graph, convolve: Convolve, value: str, spatial: Convolution, channels: int
) -> str:
    """Write one residual block around its spatial convolution: narrow, look around, widen, add."""
    name, width = spatial.name, spatial.channels_in
    wide = width * EXPANSION
    branch = convolve(graph, Convolution(f"{name}_reduce", channels, width, kernel=1), value)
    branch = convolve(graph, spatial, graph.add("Relu", branch))
    widen = Convolution(f"{name}_expand", width, wide, kernel=1, gain=RESIDUAL_GAIN)
    branch = convolve(graph, widen, graph.add("Relu", branch))
    if channels != wide:
        shortcut = Convolution(f"{name}_shortcut", channels, wide, 1, spatial.stride)
        value = convolve(graph, shortcut, value)
    return graph.add("Relu", graph.add("Add", branch, value))


def write_convolution(graph: Graph, shape: Convolution, value: str, *parameters: str) -> str:
    """Append a convolution that keeps the size but for its stride."""
    return graph.add(
        "Conv",
        value,
        *parameters,
        kernel_shape=[shape.kernel] * 2,
        strides=[shape.stride] * 2,
        pads=[shape.kernel // 2] * 4,
    )


def seeded_weights(shape: Convolution) -> FloatArray:
    """Draw a convolution's weights; they depend on its name alone, whatever is drawn before."""
    generator = np.random.default_rng([SEED, *shape.name.encode()])
    fan_in = shape.channels_in * shape.kernel**2
    size = (shape.channels_out, shape.channels_in, shape.kernel, shape.kernel)
    weights: FloatArray = generator.standard_normal(size, dtype=np.float32)
    return weights * np.float32(np.sqrt(2 / fan_in))


def normalising_model(side: int) -> onnx.ModelProto:
    """Build the graph that normalises as it goes and gives away the statistics."""
    outputs: dict[str, Shape] = {}

    def convolve(graph: Graph, shape: Convolution, value: str) -> str:
        mean, variance = f"{shape.name}_mean", f"{shape.name}_variance"
        outputs[mean] = outputs[variance] = [1, shape.channels_out, 1, 1]
        weights = graph.constant(f"{shape.name}_weights", seeded_weights(shape))
        value = write_convolution(graph, shape, value, weights)
        graph.add("ReduceMean", value, output=mean, axes=[0, 2, 3])
        centred = graph.add("Sub", value, mean)
        square = graph.add("Mul", centred, centred)
        graph.add("ReduceMean", square, output=variance, axes=[0, 2, 3])
        deviation = graph.add("Sqrt", graph.add("Add", variance, "epsilon"))
        gain = graph.constant(f"{shape.name}_gain", np.array(shape.gain, np.float32))
        return graph.add("Mul", graph.add("Div", centred, deviation), gain)

    graph = Graph()
    graph.constant("epsilon", np.array(EPSILON))
    write_features(graph, convolve)
    return graph.model(side, outputs)


def write_folded_features(graph: Graph, statistics: dict[str, FloatArray]) -> str:
    """Write the features with the statistics folded into weights and biases."""

    def convolve(graph: Graph, shape: Convolution, value: str) -> str:
        mean, variance = (
            statistics[f"{shape.name}_{which}"].reshape(-1) for which in ("mean", "variance")
        )
        gain: FloatArray = np.float32(shape.gain) / np.sqrt(variance + EPSILON)
        weights = seeded_weights(shape) * gain[:, None, None, None]
        parameters = (
            graph.constant(f"{shape.name}_weights", weights),
            graph.constant(f"{shape.name}_bias", -mean * gain),
        )
        return write_convolution(graph, shape, value, *parameters)

    return write_features(graph, convolve)


def build_model(side: int) -> onnx.ModelProto:
    """Build the whole network."""
    statistics = run(normalising_model(side), noise(BATCH, side, purpose=0))
    graph = Graph()
    features = write_folded_features(graph, statistics)
    headless = graph.model(side, {features: ["batch", FEATURES]})
    weights, bias = nearest_classifier(run(headless, pictures(side))[features])
    parameters = (
        graph.constant("classifier_weights", weights),
        graph.constant("classifier_bias", bias),
    )
    graph.add("Gemm", features, *parameters, output="scores", transB=1)
    model = graph.model(side, {"scores": ["batch", CLASSES]})
    onnx.checker.check_model(model, full_check=True)
    return model


def nearest_classifier(features: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the layer that scores how far the features lie in the direction of each class.

    Directions start at the mean, which all pictures share, and are of length one: noise shrinks
    features towards the mean, and a class near to it would otherwise win every noisy picture.
    """
    mean: FloatArray = features.mean(axis=0)
    weights: FloatArray = features - mean
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return weights, -weights @ mean


def pictures(side: int) -> FloatArray:
    """Draw the picture that stands for each class."""
    return noise(CLASSES, side, purpose=1)


def noisy_pictures(samples: int, side: int, purpose: int) -> tuple[FloatArray, IntArray]:
    """Draw pictures of random classes with noise on them, and the classes."""
    generator = np.random.default_rng([SEED, purpose])
    labels: IntArray = generator.integers(CLASSES, size=samples, dtype=np.int64)
    mixed = pictures(side)[labels] + NOISE * noise(samples, side, purpose)
    # The contrast stays what it was, or the noise would tell more than the picture.
    return mixed / np.sqrt(1 + NOISE**2), labels


def noise(samples: int, side: int, purpose: int) -> FloatArray:
    """Draw seeded pictures of coarse noise; different purposes get different ones."""
    generator = np.random.default_rng([SEED, purpose])
    cells = -(-side // COARSE_PIXELS)
    coarse: FloatArray = generator.standard_normal((samples, 3, cells, cells), dtype=np.float32)
    fine: FloatArray = coarse.repeat(COARSE_PIXELS, axis=2).repeat(COARSE_PIXELS, axis=3)
    return fine[:, :, :side, :side]


def run(model: onnx.ModelProto, images: FloatArray) -> dict[str, FloatArray]:
    """Run a model and return its outputs by name."""
    source = model.SerializeToString()
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    runs = [
        session.run(names, {"image": images[start : start + BATCH]})
        for start in range(0, len(images), BATCH)
    ]
    return {
        name: np.concatenate(parts)
        for name, parts in zip(names, zip(*runs, strict=True), strict=True)
    }


def main() -> None:
    """Write the network, calibration data and evaluation data."""
    parser = argparse.ArgumentParser(description="Write a seeded ResNet-50 and its data.")
    parser.add_argument("--side", type=int, default=96, help="side of the pictures, in pixels")
    parser.add_argument("--output", type=Path, default=HERE, help="folder to write to")
    arguments = parser.parse_args()
    side, folder = arguments.side, arguments.output
    folder.mkdir(parents=True, exist_ok=True)

    model = build_model(side)
    onnx.save(model, folder / "resnet50.onnx")
    calibration, _ = noisy_pictures(CALIBRATION_SAMPLES, side, purpose=2)
    evaluation, labels = noisy_pictures(EVALUATION_SAMPLES, side, purpose=3)
    np.savez_compressed(folder / "calibration.npz", image=calibration)
    np.savez_compressed(folder / "evaluation.npz", image=evaluation, label=labels)

    share = np.mean(run(model, evaluation)["scores"].argmax(axis=1) == labels)
    print(f"accuracy {share:.3f} on {len(labels)} evaluation pictures")
    for name in ("resnet50.onnx", "calibration.npz", "evaluation.npz"):
        print(f"{folder / name}  {(folder / name).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

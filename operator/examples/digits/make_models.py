"""Train the five model families of the digits example and write its data.

The idea: five honest answers to one question, cheap to dear. All of them take the raw 8 x 8 picture
with pixel values 0 to 16 and return ten probabilities; whatever a family needs beyond that
(scaling, magnifying, test-time augmentation) lives inside its graph, so a tuner may swap one for
another.

The data are scikit-learn's digits, split once into three disjoint parts: the models learn from the
first, quantisation is calibrated on the second, and accuracy is judged on the third only. Nothing
here looks at the third part but to save it and to print the accuracies at the end.

The graphs are written node by node, with batch normalisation folded into the convolutions, because
quantisers want them that way and because no exporter's version then decides what is measured.

Run it from anywhere: `python make_models.py`. It takes about a minute on two cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from torch import nn

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

HERE = Path(__file__).resolve().parent
SEED = 20260
OPSET = 17
IR_VERSION = 8
CALIBRATION_SAMPLES = 320
EVALUATION_SAMPLES = 640
PIXEL_MAX = 16.0
CLASSES = 10
SIDE = 8
WIDE_CHANNELS = 64
TRAINING_THREADS = 2


@dataclass(frozen=True)
class Part:
    """One of the three disjoint parts of the data."""

    images: FloatArray
    labels: IntArray


@dataclass
class Graph:
    """An ONNX graph under construction: nodes in order, and the constants they read."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)

    def constant(self, value: npt.NDArray[Any]) -> str:
        """Store a constant and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append a node and return the name of its output."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        output = output or f"{name}_output"
        self.nodes.append(helper.make_node(operator, inputs, [output], name, **attributes))
        return output

    def model(self, name: str, *more_opsets: onnx.OperatorSetIdProto) -> onnx.ModelProto:
        """Close the graph with the interface that all five families share."""
        batch_of_images: list[str | int | None] = ["batch", 1, SIDE, SIDE]
        batch_of_scores: list[str | int | None] = ["batch", CLASSES]
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, batch_of_images)],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, batch_of_scores)],
            self.constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET), *more_opsets],
            ir_version=IR_VERSION,
            producer_name="deploytune digits example",
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def split_digits() -> tuple[Part, Part, Part]:
    """Split the digits into train, calibration and evaluation, each with all classes alike."""
    pixels, labels = load_digits(return_X_y=True)
    images = pixels.astype(np.float32).reshape(-1, 1, SIDE, SIDE)
    labels = labels.astype(np.int64)
    rest, evaluation = split_off(Part(images, labels), EVALUATION_SAMPLES)
    train, calibration = split_off(rest, CALIBRATION_SAMPLES)
    return train, calibration, evaluation


def split_off(part: Part, samples: int) -> tuple[Part, Part]:
    """Split a part in two, stratified by label, the second of the given size."""
    images, other_images, labels, other_labels = train_test_split(
        part.images, part.labels, test_size=samples, stratify=part.labels, random_state=SEED
    )
    return Part(images, labels), Part(other_images, other_labels)


def make_logistic_regression(train: Part) -> onnx.ModelProto:
    """Fit the cheapest family: one matrix product."""
    pixels = train.images.reshape(len(train.images), -1) / PIXEL_MAX
    fitted = LogisticRegression(max_iter=1000).fit(pixels, train.labels)
    graph = Graph()
    flat = graph.add("Flatten", scale(graph, "image"), axis=1)
    weights = graph.constant(fitted.coef_.astype(np.float32))
    bias = graph.constant(fitted.intercept_.astype(np.float32))
    logits = graph.add("Gemm", flat, weights, bias, transB=1)
    graph.add("Softmax", logits, output="probabilities", axis=1)
    return graph.model("logistic_regression")


def make_random_forest(train: Part) -> onnx.ModelProto:
    """Fit a forest small enough to check in; trees need no scaling."""
    forest = RandomForestClassifier(n_estimators=80, max_leaf_nodes=64, random_state=SEED, n_jobs=1)
    forest.fit(train.images.reshape(len(train.images), -1), train.labels)
    converted = convert_sklearn(
        forest,
        initial_types=[("pixels", FloatTensorType([None, SIDE * SIDE]))],
        options={"zipmap": False},
        target_opset={"": OPSET, "ai.onnx.ml": 3},
    )
    trees = next(node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier")
    graph = Graph()
    trees.input[0] = graph.add("Flatten", "image", axis=1)
    # The label goes nowhere: an empty name is how ONNX says that an output is not wanted.
    trees.output[:] = ["unused_label", "probabilities"]
    graph.nodes.append(trees)
    return graph.model("random_forest", helper.make_opsetid("ai.onnx.ml", 3))


def make_mlp(train: Part) -> onnx.ModelProto:
    """Train two hidden layers."""
    network = nn.Sequential(
        nn.Flatten(),
        nn.Linear(SIDE * SIDE, 128),
        nn.ReLU(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, CLASSES),
    )
    fit(network, train, epochs=60, shift=False)
    return plain_model("mlp", network)


def make_small_cnn(train: Part) -> onnx.ModelProto:
    """Train two small convolutions."""
    network = nn.Sequential(
        *convolution(1, 8),
        nn.MaxPool2d(2),
        *convolution(8, 16),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 4, CLASSES),
    )
    fit(network, train, epochs=40, shift=False)
    return plain_model("small_cnn", network)


def make_wide_cnn_tta(train: Part) -> onnx.ModelProto:
    """Train a wide network and let it look at nine shifted copies of every picture."""
    network = nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear"),
        *convolution(1, WIDE_CHANNELS),
        *(layer for _ in range(6) for layer in convolution(WIDE_CHANNELS, WIDE_CHANNELS)),
        nn.MaxPool2d(8),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(WIDE_CHANNELS * 4, CLASSES),
    )
    fit(network, train, epochs=20, shift=True)
    graph = Graph()
    shifted = nine_shifts(graph, scale(graph, "image"))
    each = graph.add("Softmax", write_network(graph, network, shifted), axis=1)
    by_shift = graph.add("Reshape", each, graph.constant(np.array([9, -1, CLASSES], np.int64)))
    graph.add("ReduceMean", by_shift, output="probabilities", axes=[0], keepdims=0)
    return graph.model("wide_cnn_tta")


def convolution(channels_in: int, channels_out: int) -> tuple[nn.Module, ...]:
    """Return a 3 x 3 convolution that keeps the size, normalised, with a ReLU."""
    convolve = nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False)
    return convolve, nn.BatchNorm2d(channels_out), nn.ReLU()


def fit(network: nn.Sequential, train: Part, *, epochs: int, shift: bool) -> None:
    """Train in place with Adam and a one-cycle learning rate; leaves the network in eval mode."""
    images = torch.from_numpy(train.images / np.float32(PIXEL_MAX))
    labels = torch.from_numpy(train.labels)
    batches = [
        chunk for _ in range(epochs) for chunk in torch.split(torch.randperm(len(images)), 64)
    ]
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=len(batches))
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    for batch in batches:
        inputs = shift_at_random(images[batch]) if shift else images[batch]
        optimiser.zero_grad()
        loss(network(inputs), labels[batch]).backward()
        optimiser.step()
        schedule.step()
    network.eval()


def shift_at_random(images: torch.Tensor) -> torch.Tensor:
    """Move every picture by -1, 0 or 1 in both axes, as the test-time augmentation will."""
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    tops, lefts = torch.randint(0, 3, (2, len(images))).tolist()
    pieces = [
        picture[:, top : top + SIDE, left : left + SIDE]
        for picture, top, left in zip(padded, tops, lefts, strict=True)
    ]
    return torch.stack(pieces)


def plain_model(name: str, network: nn.Sequential) -> onnx.ModelProto:
    """Write a network that looks at the picture once."""
    graph = Graph()
    logits = write_network(graph, network, scale(graph, "image"))
    graph.add("Softmax", logits, output="probabilities", axis=1)
    return graph.model(name)


def scale(graph: Graph, image: str) -> str:
    """Bring raw pixel values to the range 0 to 1."""
    return graph.add("Mul", image, graph.constant(np.array(1 / PIXEL_MAX, np.float32)))


def nine_shifts(graph: Graph, image: str) -> str:
    """Pad the picture by one pixel and stack its nine windows along the batch axis."""
    padding = graph.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    padded = graph.add("Pad", image, padding)
    axes = graph.constant(np.array([2, 3], np.int64))
    windows = [
        graph.add(
            "Slice",
            padded,
            graph.constant(np.array([top, left], np.int64)),
            graph.constant(np.array([top + SIDE, left + SIDE], np.int64)),
            axes,
        )
        for top in range(3)
        for left in range(3)
    ]
    return graph.add("Concat", *windows, axis=0)


def write_network(graph: Graph, network: nn.Sequential, value: str) -> str:
    """Append the layers of a trained network and return the name of its logits."""
    layers: Iterator[Any] = iter(network)
    for layer in layers:
        match layer:
            case nn.Conv2d():
                # Every convolution here is followed by its normalisation, folded into it.
                weights, bias = fold(layer, next(layers))
                parameters = graph.constant(weights), graph.constant(bias)
                value = graph.add("Conv", value, *parameters, kernel_shape=[3, 3], pads=[1] * 4)
            case nn.Linear():
                parameters = graph.constant(array(layer.weight)), graph.constant(array(layer.bias))
                value = graph.add("Gemm", value, *parameters, transB=1)
            case nn.Upsample():
                factors = graph.constant(np.array([1, 1, 2, 2], np.float32))
                value = graph.add("Resize", value, "", factors, mode="linear")
            case nn.MaxPool2d():
                size = [layer.kernel_size] * 2
                value = graph.add("MaxPool", value, kernel_shape=size, strides=size)
            case nn.ReLU():
                value = graph.add("Relu", value)
            case nn.Flatten():
                value = graph.add("Flatten", value, axis=1)
            case _:
                # Dropout, which does nothing once trained.
                continue
    return value


def fold(convolve: Any, normalise: Any) -> tuple[FloatArray, FloatArray]:
    """Return the weights and bias of a convolution with the normalisation behind it folded in."""
    deviation = np.sqrt(array(normalise.running_var) + np.float32(normalise.eps))
    gain: FloatArray = array(normalise.weight) / deviation
    bias: FloatArray = array(normalise.bias) - array(normalise.running_mean) * gain
    return array(convolve.weight) * gain[:, None, None, None], bias


def array(tensor: Any) -> FloatArray:
    """Return a tensor's values as an array."""
    values: FloatArray = tensor.detach().numpy().astype(np.float32)
    return values


def accuracy(model_path: Path, part: Part) -> float:
    """Return the share of pictures that a written model names correctly."""
    session = onnxruntime.InferenceSession(model_path, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"image": part.images})
    return float(np.mean(np.argmax(probabilities, axis=1) == part.labels))


FAMILIES: tuple[Callable[[Part], onnx.ModelProto], ...] = (
    make_logistic_regression,
    make_random_forest,
    make_mlp,
    make_small_cnn,
    make_wide_cnn_tta,
)


def write_data(calibration: Part, evaluation: Part) -> None:
    """Write the two files a tuning reads: inputs under their names, labels under `label`."""
    folder = HERE / "data"
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "calibration.npz", image=calibration.images)
    np.savez_compressed(folder / "evaluation.npz", image=evaluation.images, label=evaluation.labels)


def main() -> None:
    """Write the data, then train, write and judge every family."""
    train, calibration, evaluation = split_digits()
    write_data(calibration, evaluation)
    folder = HERE / "models"
    folder.mkdir(exist_ok=True)
    # A fixed number: sums then come in the same order on any number of cores.
    torch.set_num_threads(TRAINING_THREADS)
    for make in FAMILIES:
        torch.manual_seed(SEED)
        model = make(train)
        path = folder / f"{model.graph.name}.onnx"
        onnx.save(model, path)
        share = accuracy(path, evaluation)
        print(f"{path.name:26} {path.stat().st_size / 1000:6.0f} kB  accuracy {share:.4f}")


if __name__ == "__main__":
    main()

"""Convert a graph from float32 to bfloat16; its inputs and outputs stay float32.

Every value has a home type, the one it is made in, and is cast where a node wants it otherwise. A
node wants bfloat16 at an input if its operator's schema allows that, and an output is bfloat16 if
it shares its type with such an input. So operators that only know float32 stay as they are, with
casts around them. Float32 constants become bfloat16 constants where they are wanted as such.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

import ml_dtypes
import onnx
import onnx.version_converter
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

FIRST_FULL_OPSET = 22
"""The opset since which convolutions, poolings and most other operators take bfloat16."""

_FLOAT: int = TensorProto.FLOAT
_BFLOAT16: int = TensorProto.BFLOAT16
_SUFFIXES: dict[int, str] = {_FLOAT: "float32", _BFLOAT16: "bfloat16"}


def convert_to_bfloat16(model: ModelProto) -> ModelProto:
    """Return the model in bfloat16, raised to an opset that knows it.

    Raises:
        ValueError: nodes with graphs inside (If, Loop, Scan), whose bodies are not converted.
    """
    nested = [node.op_type for node in model.graph.node if _has_graph(node)]
    if nested:
        raise ValueError(f"bfloat16 conversion does not reach into the body of {nested[0]}")
    if _opset(model, "") < FIRST_FULL_OPSET:
        model = onnx.version_converter.convert_version(model, FIRST_FULL_OPSET)
    return _GraphConversion(onnx.shape_inference.infer_shapes(model)).converted()


class _GraphConversion:
    """The state of one walk over a graph in the order of its nodes."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        graph = model.graph
        described = [*graph.input, *graph.value_info, *graph.output]
        self._home: dict[str, int] = {
            value.name: value.type.tensor_type.elem_type for value in described
        }
        self._home.update({tensor.name: tensor.data_type for tensor in graph.initializer})
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._nodes: list[NodeProto] = []
        self._casts: dict[tuple[str, int], str] = {}

    def converted(self) -> ModelProto:
        """Return the converted model."""
        graph = self._model.graph
        for node in graph.node:
            constant = _constant(node)
            if constant is None:
                self._convert_node(node)
            else:
                self._constants[constant.name] = constant
        self._give_back_outputs()
        used = {name for node in self._nodes for name in node.input}
        used.update(output.name for output in graph.output)
        constants = [tensor for name, tensor in self._constants.items() if name in used]
        for field, values in (("node", self._nodes), ("initializer", constants)):
            graph.ClearField(field)
            getattr(graph, field).extend(values)
        graph.ClearField("value_info")
        return self._model

    def _convert_node(self, node: NodeProto) -> None:
        schema = _schema(node, _opset(self._model, node.domain))
        narrowed = set()
        for place, name in enumerate(node.input):
            formal = None if schema is None else _formal(schema.inputs, place)
            if self._home.get(name) not in _SUFFIXES:
                continue
            wanted = _BFLOAT16 if _takes_bfloat16(schema, formal) else _FLOAT
            node.input[place] = self._as_type(name, wanted)
            if wanted == _BFLOAT16 and formal is not None:
                narrowed.add(formal.type_str)
        self._nodes.append(node)
        for place, name in enumerate(node.output):
            formal = None if schema is None else _formal(schema.outputs, place)
            if formal is not None and formal.type_str in narrowed:
                self._home[name] = _BFLOAT16

    def _as_type(self, name: str, wanted: int) -> str:
        """Return the name under which a value stands in a type, casting it once if need be."""
        if self._home[name] == wanted:
            return name
        if (name, wanted) not in self._casts:
            cast = f"{name}_as_{_SUFFIXES[wanted]}"
            self._casts[name, wanted] = cast
            if name in self._constants:
                self._constants[cast] = _narrow(self._constants[name], cast)
            else:
                self._nodes.append(helper.make_node("Cast", [name], [cast], to=wanted))
        return self._casts[name, wanted]

    def _give_back_outputs(self) -> None:
        """Let outputs of the graph that have become bfloat16 be float32 under their names."""
        for output in self._model.graph.output:
            name = output.name
            if self._home[name] != _BFLOAT16:
                continue
            inner = f"{name}_as_{_SUFFIXES[_BFLOAT16]}"
            for node in self._nodes:
                _rename(node.input, name, inner)
                _rename(node.output, name, inner)
            self._nodes.append(helper.make_node("Cast", [inner], [name], to=_FLOAT))


def _has_graph(node: NodeProto) -> bool:
    return any(
        attribute.type in {onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS}
        for attribute in node.attribute
    )


def _constant(node: NodeProto) -> TensorProto | None:
    """Return the tensor of a Constant node under the name of its output."""
    if node.op_type != "Constant" or node.attribute[0].name != "value":
        return None
    tensor: TensorProto = node.attribute[0].t
    tensor.name = node.output[0]
    return tensor


def _opset(model: ModelProto, domain: str) -> int:
    versions: dict[str, int] = {opset.domain: opset.version for opset in model.opset_import}
    return versions.get(domain, 0)


def _schema(node: NodeProto, opset: int) -> onnx.defs.OpSchema | None:
    if not onnx.defs.has(node.op_type, node.domain):
        return None
    return onnx.defs.get_schema(node.op_type, opset, node.domain)


def _formal(
    formals: Sequence[onnx.defs.OpSchema.FormalParameter], place: int
) -> onnx.defs.OpSchema.FormalParameter:
    """Return the formal parameter at a place; the last one may stand for many."""
    return formals[min(place, len(formals) - 1)]


def _takes_bfloat16(
    schema: onnx.defs.OpSchema | None, formal: onnx.defs.OpSchema.FormalParameter | None
) -> bool:
    if schema is None or formal is None:
        return False
    allowed = {rule.type_param_str: rule.allowed_type_strs for rule in schema.type_constraints}
    return "tensor(bfloat16)" in allowed.get(formal.type_str, [formal.type_str])


def _narrow(tensor: TensorProto, name: str) -> TensorProto:
    values = numpy_helper.to_array(tensor).astype(ml_dtypes.bfloat16)
    return numpy_helper.from_array(values, name)


def _rename(names: MutableSequence[str], old: str, new: str) -> None:
    for place, name in enumerate(names):
        if name == old:
            names[place] = new

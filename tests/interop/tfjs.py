"""Graph models of tfjs (model.json and its shards) as graphs that TensorFlow runs."""

import json
import math

import numpy as np
import tensorflow.compat.v1 as tf
from google.protobuf import json_format


def graph(path):
    """The GraphDef of the file `path`, with the weights beside it."""
    model = json.loads(path.read_text())
    topology = model["modelTopology"]
    spelled = tf.GraphDef()
    fields = {field: topology[field] for field in ("node", "versions", "library") if field in topology}
    json_format.ParseDict(fields, spelled, ignore_unknown_fields=True)
    values = weights(path.parent, model["weightsManifest"])
    result = tf.GraphDef(versions=spelled.versions)
    for node in spelled.node:
        if node.op == "Const" and node.name in values:
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values[node.name]))
        # Graphs of tfjs leave out the types of the fused inputs.
        if node.op == "_FusedConv2D" and "TArgs" not in node.attr:
            node.attr["TArgs"].list.type.extend([tf.float32.as_datatype_enum] * node.attr["num_args"].i)
        result.node.extend(separate(node) if node.op == "FusedDepthwiseConv2dNative" else [node])
    return result


def weights(folder, manifest):
    values = {}
    for group in manifest:
        data, offset = b"".join((folder / name).read_bytes() for name in group["paths"]), 0
        for weight in group["weights"]:
            quantization = weight.get("quantization")
            stored = np.dtype(quantization["dtype"] if quantization else weight["dtype"])
            count = math.prod(weight["shape"])
            value = np.frombuffer(data, stored, count, offset)
            offset += count * stored.itemsize
            if quantization and stored != np.float16:
                value = value.astype(np.float64) * quantization["scale"] + quantization["min"]
                value = np.round(value) if weight["dtype"] == "int32" else value
            values[weight["name"]] = value.astype(weight["dtype"]).reshape(weight["shape"])
    return values


def separate(fused):
    """The nodes of a fused depthwise convolution, which TensorFlow does not have."""
    convolution = tf.NodeDef(name=f"{fused.name}/convolution", op="DepthwiseConv2dNative", input=fused.input[:2])
    for name in ("T", "strides", "padding", "data_format", "dilations"):
        if name in fused.attr:
            convolution.attr[name].CopyFrom(fused.attr[name])
    nodes, arguments = [convolution], list(fused.input[2:])
    for index, operator in enumerate(fused.attr["fused_ops"].list.s):
        operator = operator.decode()
        node = tf.NodeDef(name=f"{fused.name}/{index}", op=operator, input=[nodes[-1].name])
        node.attr["T"].type = tf.float32.as_datatype_enum
        if operator in ("BiasAdd", "Prelu"):
            node.input.append(arguments.pop(0))
        nodes.append(node)
    nodes[-1].name = fused.name
    return nodes

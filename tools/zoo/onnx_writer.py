"""Writes trained PyTorch layers as plain ONNX nodes with readable names (no tracing exporter involved)."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8


class GraphWriter:
    def __init__(self):
        self.nodes, self.weights, self.scalars = [], [], set()

    def weight(self, name, tensor):
        array = np.ascontiguousarray(tensor.detach().float().cpu().numpy())
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def node(self, op, name, inputs, output=None, **attributes):
        output = output or f"{name}_out"
        self.nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def conv(self, name, x, layer, pads=None):
        """`pads`: [top, left, bottom, right], where they differ from the layer's symmetric padding."""
        inputs = [x, self.weight(f"{name}.weight", layer.weight)]
        if layer.bias is not None:
            inputs.append(self.weight(f"{name}.bias", layer.bias))
        ph, pw = layer.padding
        return self.node(
            "Conv", name, inputs, kernel_shape=list(layer.kernel_size), strides=list(layer.stride),
            pads=pads or [ph, pw, ph, pw], dilations=list(layer.dilation), group=layer.groups)

    def conv_bn(self, name, x, layer, bn, pads=None):
        y = self.conv(name, x, layer, pads)
        inputs = [y] + [self.weight(f"{name}/bn.{k}", t) for k, t in (
            ("scale", bn.weight), ("bias", bn.bias), ("mean", bn.running_mean), ("var", bn.running_var))]
        return self.node("BatchNormalization", f"{name}/bn", inputs, epsilon=bn.eps)

    def relu(self, x):
        return self.node("Relu", f"{x}/relu", [x])

    def relu6(self, x):
        for name, value in (("zero", 0.0), ("six", 6.0)):
            if name not in self.scalars:
                self.scalars.add(name)
                self.weights.append(numpy_helper.from_array(np.float32(value), name))
        return self.node("Clip", f"{x}/relu6", [x, "zero", "six"])

    def add(self, name, a, b):
        return self.node("Add", name, [a, b])

    def global_average_pool(self, name, x):
        pooled = self.node("GlobalAveragePool", name, [x])
        return self.node("Flatten", f"{name}/flatten", [pooled], axis=1)

    def linear(self, name, x, layer, output):
        inputs = [x, self.weight(f"{name}.weight", layer.weight), self.weight(f"{name}.bias", layer.bias)]
        return self.node("Gemm", name, inputs, output=output, transB=1)

    def save(self, path, graph_name, graph_input, graph_output):
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (graph_input, graph_output)]
        graph = helper.make_graph(self.nodes, graph_name, infos[:1], infos[1:], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                                  producer_name="lathe-zoo")
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)

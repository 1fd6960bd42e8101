"""The Fashion-MNIST ResNet of the zoo: the network, and its ONNX graph written node by node.

Width 32-64-128-256 with two basic blocks a stage (He et al. 2016, arXiv 1512.03385, the CIFAR stem):
2.8 M parameters. Batch normalization stays a node of its own, so that folding it is the recipe's work.
"""

import torch
from torch import nn

STAGES = ((32, 1), (64, 2), (128, 2), (256, 2))
BLOCKS_PER_STAGE = 2
CLASSES = 10


def conv(c_in, c_out, kernel, stride):
    return nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(c_in, c_out, 3, stride), nn.BatchNorm2d(c_out)
        self.conv2, self.bn2 = conv(c_out, c_out, 3, 1), nn.BatchNorm2d(c_out)
        self.has_projection = stride != 1 or c_in != c_out
        if self.has_projection:
            self.conv3, self.bn3 = conv(c_in, c_out, 1, stride), nn.BatchNorm2d(c_out)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        skip = self.bn3(self.conv3(x)) if self.has_projection else x
        return torch.relu(y + skip)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn = conv(1, STAGES[0][0], 3, 1), nn.BatchNorm2d(STAGES[0][0])
        blocks, c_in = [], STAGES[0][0]
        for c_out, stride in STAGES:
            for index in range(BLOCKS_PER_STAGE):
                blocks.append(Block(c_in, c_out, stride if index == 0 else 1))
                c_in = c_out
        self.blocks = nn.ModuleList(blocks)
        self.fc = nn.Linear(c_in, CLASSES)

    def forward(self, x):
        x = torch.relu(self.bn(self.conv(x)))
        for block in self.blocks:
            x = block(x)
        return self.fc(x.mean(dim=(2, 3)))


def write_onnx(model, path):
    """Writes the trained network as ONNX opset 17, input `image` [batch, 1, 28, 28], output `logits`."""
    from onnx_writer import GraphWriter

    g = GraphWriter()
    x = g.relu(g.conv_bn("stem", "image", model.conv, model.bn))
    for index, block in enumerate(model.blocks):
        name = f"block{index}"
        y = g.relu(g.conv_bn(f"{name}/conv1", x, block.conv1, block.bn1))
        y = g.conv_bn(f"{name}/conv2", y, block.conv2, block.bn2)
        skip = g.conv_bn(f"{name}/projection", x, block.conv3, block.bn3) if block.has_projection else x
        x = g.relu(g.add(f"{name}/add", y, skip))
    g.linear("fc", g.global_average_pool("pool", x), model.fc, "logits")
    g.save(path, "fashion-resnet", ("image", ["batch", 1, 28, 28]), ("logits", ["batch", CLASSES]))

"""Float ONNX files of torchvision's architectures with random weights: speed does not depend on the weights' values.

python -m comparison.models.export NAME OUT.onnx
"""

import sys

import torch
import torchvision

# The side of each network's square photo.
SIDES = {"resnet50": 224, "mobilenet_v2": 224, "inception_v3": 299}


def network(name, side):
    torch.manual_seed(1)
    extra = {"init_weights": False, "transform_input": False} if name == "inception_v3" else {}
    model = getattr(torchvision.models, name)(weights=None, **extra)
    # An untrained batch norm divides by a variance of 1 for any input, so activations would grow from layer to layer. Two
    # batches of random input give it realistic statistics.
    with torch.no_grad():
        model.train()
        for _ in range(2):
            model(torch.randn(4, 3, side, side))
    if name == "inception_v3":
        model.aux_logits, model.AuxLogits = False, None
    return model.eval()


def export(name, path):
    side = SIDES[name]
    torch.onnx.export(
        network(name, side),
        (torch.randn(1, 3, side, side),),
        path,
        opset_version=17,
        input_names=["photo"],
        output_names=["logits"],
        dynamo=False,
    )


if __name__ == "__main__":
    export(*sys.argv[1:])

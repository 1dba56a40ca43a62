"""torchvision, loaded so that it also works beside a CPU build of PyTorch."""

import functools
import types

import torch


@functools.cache
def torchvision() -> types.ModuleType:
    """The torchvision package.

    Its published wheel is built for CUDA. Beside a CPU build of PyTorch its compiled part does not
    load, and the import fails over the schemas of two operators that we never call; declaring
    them lets everything written in Python work. A CUDA build declares them itself.
    """
    if torch.version.cuda is None:
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        _kept.append(library)
    import torchvision as package

    return package  # type: ignore[no-any-return]


_kept: list[torch.library.Library] = []
"""A library's definitions vanish with it."""

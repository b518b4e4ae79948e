"""The parameter lists of real models, by the shapes of their arrays."""

import math
from collections.abc import Callable

Shapes = list[tuple[int, ...]]


def resnet50() -> Shapes:
    """He et al. 2015, arXiv:1512.03385, table 1, in torchvision's layout: each convolution has a norm's two arrays."""
    shapes: Shapes = []

    def convolution(out: int, into: int, size: int) -> None:
        shapes.extend([(out, into, size, size), (out,), (out,)])

    convolution(64, 3, 7)
    into = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            convolution(width, into, 1)
            convolution(width, width, 3)
            convolution(4 * width, width, 1)
            if block == 0:
                convolution(4 * width, into, 1)
            into = 4 * width
    return [*shapes, (1000, into), (1000,)]


def gpt2_small() -> Shapes:
    """Radford et al. 2019 with 12 layers of width 768; the output shares the embedding."""
    width, norm = 768, [(768,), (768,)]
    layer = [*norm, (width, 3 * width), (3 * width,), (width, width), (width,)]
    layer += [*norm, (width, 4 * width), (4 * width,), (4 * width, width), (width,)]
    return [(50257, width), (1024, width), *layer * 12, *norm]


LISTS: dict[str, Callable[[], Shapes]] = {
    "ResNet-50": resnet50,
    "GPT-2 small": gpt2_small,
    "MLP": lambda: [(784, 512), (512,), (512, 512), (512,), (512, 10), (10,)],
    "200 of 64": lambda: [(64,)] * 200,
    "6 of 64": lambda: [(64,)] * 6,
    "1,000 of 1,000": lambda: [(1000,)] * 1000,
}


def elements(shapes: Shapes) -> int:
    return sum(map(math.prod, shapes))


assert (len(resnet50()), elements(resnet50())) == (161, 25_557_032)
assert (len(gpt2_small()), elements(gpt2_small())) == (148, 124_439_808)

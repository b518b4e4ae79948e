"""The chapters of the lab's page: the pictures of each chapter, with captions that say what they show."""

import re
from dataclasses import dataclass

from .surfaces import Surface


@dataclass(frozen=True)
class Picture:
    """name: of the picture's files and of its place in the page."""

    name: str
    title: str
    caption: str


@dataclass(frozen=True)
class Chapter:
    name: str
    title: str
    text: str
    pictures: tuple[Picture, ...]


def of_surface(where: Surface) -> Chapter:
    """The chapter of a surface, with its two pictures, and a third of the rates for a valley."""
    name = re.sub(r"[^\w.-]+", "-", where.name).strip("-")
    pictures = (
        Picture(f"{name}-paths", "Ways", f"{where.steps} steps in float64, each rule at the best of its rates."),
        Picture(f"{name}-losses", "Losses", "The loss of the same runs against the steps."),
        Picture(
            f"{name}-rates",
            "Effective rates",
            "By what each rule without momentum multiplied the two derivatives.",
        ),
    )
    return Chapter(name, where.name.capitalize(), where.note, pictures)


FAMILIES = (
    Chapter(
        "adagrad",
        "Adagrad",
        "Divides by the root of the sum of all squared gradients: its rates only fall.",
        (
            Picture(
                "adagrad-decay",
                "Frequent and rare weights",
                "A gradient of 1 in each, in every 10th, in every 100th step. On these axes a power is a straight "
                "line; an exponential bends.",
            ),
            Picture(
                "adagrad-moving",
                "A minimum that moves",
                "A weight with noisy gradients; after 2,000 steps the minimum goes from 1 to 0. Adagrad follows ever "
                "more slowly.",
            ),
            Picture(
                "adagrad-near-minimum",
                "Near a minimum",
                "Gradients that vanish add nothing to their history; noise does.",
            ),
            Picture("adagrad-variants", "Variants", "Without the root, and with momentum, each at its best rate."),
        ),
    ),
    Chapter(
        "rmsprop",
        "RMSprop",
        "A running mean in place of Adagrad's sum: the rate forgets, and settles.",
        (
            Picture(
                "rmsprop-levels",
                "A constant level",
                "A gradient of 1 in each step. The rate settles at lr, but from far above it: the mean starts at 0.",
            ),
            Picture(
                "rmsprop-regions",
                "Steep and flat regions",
                "Decay 0.9. The rate rises again where gradients are small.",
            ),
            Picture(
                "rmsprop-directions",
                "Along and across the valley",
                "The rate is larger along the floor than across it, until the way across is done.",
            ),
            Picture(
                "rmsprop-oscillation",
                "Oscillation about a minimum",
                "On x²/2 from 2. The step keeps its size, so it goes from side to side, half a rate to either.",
            ),
        ),
    ),
    Chapter(
        "adadelta",
        "Adadelta",
        "The documents print its ratio in two ways.",
        (
            Picture(
                "adadelta-ratios",
                "The two ratios",
                "For gradients around 1 and around 1,000. The first makes up for their size; the second is about 1 "
                "whatever they are.",
            ),
        ),
    ),
    Chapter(
        "adam",
        "Adam",
        "Running means of the gradient and of its square, both corrected for their start at 0.",
        (
            Picture(
                "adam-bias",
                "Bias correction",
                "A gradient of 1 in each step: with the correction steps are lr, without it up to 6.6 lr.",
            ),
        ),
    ),
    Chapter(
        "adamax",
        "Adamax",
        "The maximum norm in place of the L2 norm, as in the paper and as the documents print it; beta2 = 0.999, "
        "without momentum.",
        (
            Picture(
                "adamax-scenario-1",
                "Scenario 1",
                "Gradients of 1 and 0 in turn; where they are 0, the rate that one would have met. “In company”: "
                "beside a weight whose gradient is always 1.",
            ),
            Picture("adamax-scenario-2", "Scenario 2", "500 steps of zero inputs, early and late in a run."),
        ),
    ),
    Chapter(
        "sparse",
        "A dense and a sparse column",
        "A linear regression on two columns, one of them 0 in 98% of the rows, in batches of 8 with noise; each rule "
        "at its best rate.",
        (
            Picture("sparse-paths", "Ways of the two weights", "Over the contour lines of the expected loss."),
            Picture("sparse-errors", "Errors", "“Alone”: without the dense column."),
        ),
    ),
    Chapter(
        "rates",
        "Too fast",
        "What too high a rate does.",
        (
            Picture(
                "too-fast",
                "SGD at four rates",
                "In the valley, whose limit is 2 / 1.6 = 1.25: there it stays, above it leaves.",
            ),
        ),
    ),
)
DIGITS = Chapter(
    "digits",
    "Handwritten digits",
    "A network of 64-32-10, batches of 32, five epochs; medians of three seeds.",
    (
        Picture("digits-losses", "Training loss", "Each rule at the best of eleven rates."),
        Picture(
            "digits-rates",
            "Sensitivity to the rate",
            "The final loss against the rate; triangles: 4 or more. Below: the best, and over how many decades the "
            "loss is within twice the best.",
        ),
        Picture("digits-eps", "eps", "From 1e-8 to 1e-4, at the rule's best rate."),
    ),
)

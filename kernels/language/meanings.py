"""What hyperparameters mean, in the words of a rule's docstring, and in those that rules share."""

import inspect
import re
from collections.abc import Collection

# What a name means unless the docstring of a rule says otherwise.
SHARED = {
    "lr": "the learning rate",
    "beta1": "the decay of the running mean of the gradient",
    "beta2": "the decay of the running mean of the gradient's square",
    "eps": "added to the divisor, which it keeps from zero",
    "eps_hat": "eps is the epsilon hat of Kingma & Ba 2015, end of section 2, as in keras and thinc: it joins the root "
    "before the bias is corrected",
    "eps_inside": "eps is inside the root, as in keras and optax, not added to it, as in torch",
    "momentum": "the part of the velocity that stays from step to step",
    "lr_inside": "lr multiplies what enters the velocity, as in keras, not what leaves it, as in torch",
    "hypergrad_lr": "the paper's beta, the rate at which the rate descends",
    "multiplicative": "the paper's other rule, which changes the rate by a part of itself: it is lr * (1 + change)",
    "warmup_steps": "the rate rises to lr in a line over so many steps",
    "late_warmup": "the steps warm up from 0, one step later than their weights in the average, as in optax",
    "r": "in the average a step weighs in proportion to its number to this power",
    "weight_lr_power": "in the average a step weighs in proportion to the largest rate so far to this power",
    "over": '"model": all arrays have one rate, as in the authors\' code; "array": each has its own. An array without '
    'a gradient in some steps keeps up with the others if the optimizer is made with count="optimizer"',
    "d0": "the first estimate of the distance from the start to the solution, which is too small",
    "growth_rate": "in a step the estimate of the distance grows by no more than this factor",
    "decouple": "the weight decay multiplies the weights, as in AdamW, and is no part of the gradient",
    "bias_correction": "the bias of both running means is corrected, in the rate",
}


def told_apart(doc: str | None, names: Collection[str]) -> tuple[str, dict[str, str]]:
    """A docstring without what it says of hyperparameters, and that, by name.

    names: of the hyperparameters. What is said of one, or of several with commas, begins a line with their names and a
    colon, and ends with the paragraph or where the next begins.
    """
    rest: list[str] = []
    said: dict[str, str] = {}
    current: list[str] = []
    for line in inspect.cleandoc(doc or "").split("\n"):
        match = re.match(r"(\w+(?:, \w+)*): (.*)", line)
        if match and set(own := match[1].split(", ")) <= set(names):
            current = own
            said |= dict.fromkeys(own, match[2])
        elif line and current:
            said |= {name: f"{said[name]} {line}" for name in current}
        else:
            current = []
            rest.append(line)
    return "\n".join(rest).strip(), {name: text.removesuffix(".") for name, text in said.items()}

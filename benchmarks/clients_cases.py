"""Training steps of real clients, each with the client's own optimizer and with fastopt's in its place."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

INPUTS, CLASSES, BATCH = 784, 10, 128  # those of MNIST
ROWS = 10 * BATCH


@dataclass
class Stopwatch:
    """Seconds spent in the functions that it has wrapped."""

    seconds: float = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **given: Any) -> Any:
            began = time.perf_counter()
            result = function(*args, **given)
            self.seconds += time.perf_counter() - began
            return result

        return timed


@dataclass
class Run:
    """step: makes `steps` training steps. optimizer: the time in the optimizer. weights: as they are now."""

    step: Callable[[], Any]
    weights: Callable[[], Sequence[np.ndarray]]
    optimizer: Stopwatch = field(default_factory=Stopwatch)
    steps: int = 1


def data(storage: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    """Inputs and classes that a network can learn."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((ROWS, INPUTS)).astype(storage)
    return x, (x[:, :CLASSES]).argmax(axis=1)


def thinc_network(hidden: int, ours: bool) -> Run:
    """Three layers, the last a softmax, Adam with Thinc's defaults: clipped, with averages."""
    import thinc.api as thinc

    from fastopt.integrations import thinc as fast

    thinc.fix_random_seed(0)
    x, classes = data()
    y = np.eye(CLASSES, dtype="float32")[classes]
    model = thinc.chain(thinc.Relu(hidden), thinc.Relu(hidden), thinc.Softmax())
    model.initialize(x[:2], y[:2])
    optimizer = fast.Adam(0.001) if ours else thinc.Adam(0.001)
    run = Run(lambda: None, lambda: [node.get_param(name) for node in model.walk() for name in node.param_names])
    call = run.optimizer.around(optimizer)
    place = 0

    def step() -> None:
        nonlocal place
        batch = slice(place, place + BATCH)
        place = (place + BATCH) % ROWS
        guess, backprop = model.begin_update(x[batch])
        backprop((guess - y[batch]) / BATCH)
        model.finish_update(call)
        optimizer.step_schedules()

    run.step = step
    return run


def sklearn_network(storage: str, ours: bool) -> Run:
    """MLPClassifier((512, 512)) with the solver adam: an epoch by partial_fit."""
    from sklearn import neural_network

    from fastopt.integrations import sklearn as fast

    x, y = data(storage)
    kind = fast.MLPClassifier if ours else neural_network.MLPClassifier
    model = kind((512, 512), batch_size=BATCH, random_state=0)
    run = Run(lambda: None, lambda: [*model.coefs_, *model.intercepts_], steps=ROWS // BATCH)

    def step() -> None:
        first = not hasattr(model, "_optimizer")
        model.partial_fit(x, y, classes=range(CLASSES))
        if first:
            model._optimizer.update_params = run.optimizer.around(model._optimizer.update_params)

    run.step = step
    return run


def spacy_classifier(ours: bool) -> Run:
    """spaCy's text classifier as it is by default, a batch of 32 short texts."""
    import spacy
    from spacy.training import Example
    from thinc.api import Adam, fix_random_seed

    from fastopt.integrations import thinc as fast

    fix_random_seed(0)
    generator = np.random.default_rng(0)
    words = [f"word{k}" for k in range(500)]
    nlp = spacy.blank("en")
    textcat = nlp.add_pipe("textcat")
    texts = [" ".join(generator.choice(words, 20)) for _ in range(32)]
    examples = [
        Example.from_dict(
            nlp.make_doc(text), {"cats": {"a": float("word1 " in text), "b": float("word1 " not in text)}}
        )
        for text in texts
    ]
    nlp.initialize(lambda: examples)
    optimizer = fast.Adam(0.001) if ours else Adam(0.001)
    model = textcat.model
    run = Run(
        lambda: None,
        lambda: [node.get_param(name) for node in model.walk() for name in node.param_names if node.has_param(name)],
    )
    call = run.optimizer.around(optimizer)

    def step() -> None:
        nlp.update(examples, sgd=call, drop=0.0)
        optimizer.step_schedules()

    run.step = step
    return run


CASES: dict[str, Callable[[bool], Run]] = {
    **{f"Thinc, H = {hidden}": lambda ours, hidden=hidden: thinc_network(hidden, ours) for hidden in (64, 512, 2048)},
    **{
        f"scikit-learn (512, 512), {storage}": lambda ours, storage=storage: sklearn_network(storage, ours)
        for storage in ("float32", "float64")
    },
    "spaCy text classifier": spacy_classifier,
}

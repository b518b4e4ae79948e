"""A spaCy text classifier that a config file trains with fastopt.Adam.v1, beside Thinc's Adam.v1."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.spacy

CONFIG = """
[nlp]
lang = "en"
pipeline = ["textcat"]

[components]

[components.textcat]
factory = "textcat"

[components.textcat.model]
@architectures = "spacy.TextCatEnsemble.v2"

[components.textcat.model.linear_model]
@architectures = "spacy.TextCatBOW.v3"
exclusive_classes = true
ngram_size = 1
length = 4096

[components.textcat.model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[components.textcat.model.tok2vec.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 32
rows = [200, 200]
attrs = ["NORM", "SHAPE"]
include_static_vectors = false

[components.textcat.model.tok2vec.encode]
@architectures = "spacy.MaxoutWindowEncoder.v2"
width = 32
window_size = 1
maxout_pieces = 2
depth = 1

[corpora]

[corpora.train]
@readers = "fastopt_test_reviews"

[corpora.dev]
@readers = "fastopt_test_reviews"

[training]
max_steps = 40
eval_frequency = 1
patience = 0

[training.logger]
@loggers = "fastopt_test_losses"

[training.optimizer]
@optimizers = "OPTIMIZER"
learn_rate = 0.01
"""

SUBJECTS, GOOD, BAD = ("film", "book", "meal", "room"), ("good", "fine", "lovely"), ("bad", "dull", "poor")


def reviews(nlp: Any) -> Any:
    from spacy.training import Example

    for subject in SUBJECTS:
        for word in GOOD + BAD:
            cats = {"good": float(word in GOOD), "bad": float(word in BAD)}
            yield Example.from_dict(nlp.make_doc(f"the {subject} was {word}"), {"cats": cats})


def trained(folder: Path, optimizer: str) -> tuple[Any, list[float]]:
    """The pipeline that spaCy's own loop trains from a config file, and the loss of each step."""
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train
    from spacy.util import load_config, load_model_from_config, registry

    losses = []

    def setup(nlp: Any, stdout: Any, stderr: Any) -> tuple[Any, Any]:
        return lambda info: info and losses.append(info["losses"]["textcat"]), lambda: None

    registry.readers("fastopt_test_reviews", func=lambda: reviews)
    registry.loggers("fastopt_test_losses", func=lambda: setup)
    path = folder / "config.cfg"
    path.write_text(CONFIG.replace("OPTIMIZER", optimizer))
    nlp = init_nlp(load_model_from_config(load_config(path), auto_fill=True).config)
    (folder / "model").mkdir()
    train(nlp, folder / "model", stdout=io.StringIO(), stderr=io.StringIO())
    return nlp, losses


def test_a_config_trains_a_classifier_as_with_thincs_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import spacy

    from fastopt.integrations import thinc

    calls: list[Any] = []
    plain = thinc.Optimizer.__call__

    def counted(optimizer: Any, key: Any, *arrays: Any, **options: Any) -> Any:
        calls.append(key)
        return plain(optimizer, key, *arrays, **options)

    monkeypatch.setattr(thinc.Optimizer, "__call__", counted)
    (tmp_path / "thinc").mkdir()
    nlp, losses = trained(tmp_path, "fastopt.Adam.v1")
    reached = len(calls)
    print(f"{reached} updates of {len(set(calls))} arrays reached fastopt's kernels")
    _, wanted = trained(tmp_path / "thinc", "Adam.v1")
    assert len(calls) == reached
    nodes = nlp.get_pipe("textcat").model.walk()
    arrays = {(node.id, name) for node in nodes for name in node.param_names if node.has_param(name)}
    assert set(calls) == arrays
    assert reached == len(losses) * len(arrays) > 0
    assert losses[-1] < 0.2 * losses[0]
    # Thinc's own 1 - beta2 is off by 1e-5 of itself, and training spreads that.
    assert np.allclose(losses, wanted, rtol=0, atol=5e-4 * losses[0])
    again = spacy.load(tmp_path / "model" / "model-last")
    for pipeline in (nlp, again):
        assert pipeline("the film was lovely").cats["good"] > 0.8
        assert pipeline("the meal was dull").cats["bad"] > 0.8

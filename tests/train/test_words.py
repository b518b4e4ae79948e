"""Word vectors: the gradients are the derivatives, row-sparse steps give dense ones' bits, and the words make sense."""

import importlib.util
import json
from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from examples import ROOT, same_bits

from fastopt import Optimizer
from fastopt.cli import main
from fastopt.kernels import RULES
from fastopt.train.words import skipgram
from fastopt.train.words.corpus import Corpus, Text, corpus, paragraphs, stdlib
from fastopt.train.words.held_out import HeldOut
from fastopt.train.words.learner import Learner
from fastopt.train.words.training import Training

SUBJECTS = (("sun", "moon", "star", "comet"), ("bread", "butter", "cheese", "honey"), ("oak", "elm", "birch", "pine"))
# A rule of each kind: nothing moves without a gradient, everything does, by a number carried along, by a norm.
SOME = ("sgd", "adagrad", "momentum", "adam", "nadam", "adamax", "lion", "lamb", "adam_hypergradient")


def small() -> Corpus:
    """Paragraphs of one subject each."""
    generator = np.random.default_rng(3)
    return corpus([list(generator.choice(SUBJECTS[k % 3], 12)) for k in range(600)])


def batch(seed: int = 0, words: int = 12, count: int = 40) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, words, count), generator.integers(0, words, (count, 4))


def loss(tables: Any, centres: Any, others: Any) -> float:
    return float(skipgram.losses(skipgram.forward(tables, centres, others)[2]).sum())


def test_gradients_are_the_difference_quotients() -> None:
    generator = np.random.default_rng(1)
    tables = {name: generator.standard_normal((12, 3)) for name in ("input", "output")}
    centres, others = batch()
    grads = skipgram.backward(centres, others, *skipgram.forward(tables, centres, others))
    for name, table in tables.items():
        dense = grads[name].dense(table.shape)
        for place in np.ndindex(table.shape):
            kept, found = table[place], 0.0
            for multiple, weight in (1, 45), (2, -9), (3, 1):
                for sign in 1, -1:
                    table[place] = kept + sign * multiple * 1e-3
                    found += sign * weight * loss(tables, centres, others) / 60e-3
            table[place] = kept
            assert dense[place] == pytest.approx(found, rel=1e-9, abs=1e-9), (name, place)


def test_a_step_is_told_the_loss_whose_gradients_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    monkeypatch.setattr(Optimizer, "step", lambda self, grads, *, loss: told.append(loss))
    learner = Learner(skipgram.initialise(12, 8, seed=1), "polyak_sgd", "dense")
    expected = loss(learner.tables, *batch())
    learner.step(*batch())
    assert told == [pytest.approx(expected, rel=1e-5)]


def test_large_scores_overflow_nowhere() -> None:
    tables = {name: np.full((12, 3), sign * 1e4, "float32") for name, sign in (("input", 1), ("output", -1))}
    centres, others = batch()
    with np.errstate(over="raise", invalid="raise"):
        v, u, scores = skipgram.forward(tables, centres, others)
        grads = skipgram.backward(centres, others, v, u, scores)
        assert np.isfinite(skipgram.losses(scores)).all()
    assert all(np.isfinite(grad.values).all() and grad.values.dtype == "float32" for grad in grads.values())


def run(rule: str, gradients: str, steps: int, **hyper: Any) -> Learner:
    learner = Learner(skipgram.initialise(12, 8, seed=1), rule, gradients, **hyper)
    for seed in range(steps):
        # Some words in each step, so that rows fall behind and come back.
        centres, others = batch(seed, count=2)
        learner.step(centres, others)
    learner.optimizer.flush()
    return learner


def check_bits(rule: str) -> None:
    """A whole run, gradients from its own tables, is the run of dense gradients, state included."""
    sparse, dense = run(rule, "exact", 12, lr=0.01), run(rule, "dense", 12, lr=0.01)
    for name, table in sparse.tables.items():
        assert table.any()
        assert same_bits(table, dense.tables[name]), name
    for ours, theirs in zip(sparse.optimizer.state, dense.optimizer.state, strict=True):
        assert all(same_bits(ours[slot], theirs[slot]) for slot in theirs)


@pytest.mark.parametrize("rule", SOME)
def test_a_row_sparse_run_has_the_bits_of_the_dense_one(rule: str) -> None:
    check_bits(rule)


@pytest.mark.long
@pytest.mark.parametrize("rule", [name for name in RULES if name not in SOME and "lr" in RULES[name].hyper])
def test_a_row_sparse_run_of_any_rule_has_the_bits_of_the_dense_one(rule: str) -> None:
    check_bits(rule)


def test_a_lazy_run_has_them_only_where_zeros_move_nothing() -> None:
    for rule, same in ("adagrad", True), ("adam", False):
        lazy, dense = run(rule, "lazy", 12), run(rule, "dense", 12)
        assert same_bits(lazy.tables["input"], dense.tables["input"]) is same


def test_rows_that_are_looked_at_before_they_have_caught_up_give_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Optimizer.flush
    monkeypatch.setattr(Optimizer, "flush", lambda self, rows=None: None if rows else whole(self))
    assert not same_bits(run("adam", "exact", 12).tables["input"], run("adam", "dense", 12).tables["input"])


def test_identifiers_are_split_and_paragraphs_are_apart() -> None:
    text = (
        "class HTTPServer_x(Base):\n    read_lines2 = utf8\n   \n\n    # a b\n\ndef __init__(self): return parseXML(1)"
    )
    assert list(paragraphs(text)) == [
        ["class", "http", "server", "base", "read", "lines", "utf"],
        ["def", "init", "self", "return", "parse", "xml"],
    ]


def test_the_vocabulary_is_of_the_text_to_train_with() -> None:
    found = corpus([["aa", "aa", "bb"], ["bb", "bb"], ["cc", "dd"], ["cc", "aa"], ["cc", "dd", "bb", "dd"], ["cc"]])
    assert (found.words, found.counts.tolist()) == (("aa", "bb", "cc"), [3, 3, 3])
    assert (found.train.ids.tolist(), found.train.paragraphs.tolist()) == (
        [0, 0, 1, 1, 1, 2, 2, 0, 2],
        [0, 0, 0, 1, 1, 2, 3, 3, 4],
    )
    assert (found.held_out.ids.tolist(), found.held_out.paragraphs.tolist()) == ([2, 1], [0, 0])


def test_a_text_without_a_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="a text of 3 words has no two that stand 3 times in it"):
        corpus([["aa", "aa", "aa"]])


def test_pairs_are_neighbours_of_one_paragraph() -> None:
    text = Text(np.arange(8), np.array([0, 0, 0, 0, 1, 1, 1, 1]))
    centres, around = skipgram.pairs(text, np.ones(8), 1, np.random.default_rng(0))
    assert sorted(zip(centres, around, strict=True)) == sorted(
        (a, b) for a in range(8) for b in (a - 1, a + 1) if 0 <= b < 8 and (a < 4) == (b < 4)
    )
    centres, around = skipgram.pairs(text, np.ones(8), 3, np.random.default_rng(0))
    assert {(a < 4) == (b < 4) for a, b in zip(centres, around, strict=True)} == {True}
    assert abs(centres - around).max() == 3
    keep = np.ones(8)
    keep[2] = 0.0
    centres, around = skipgram.pairs(text, keep, 1, np.random.default_rng(0))
    assert 2 not in {*centres, *around}
    assert (1, 3) in set(zip(centres.tolist(), around.tolist(), strict=True))


def test_noise_follows_the_counts_to_the_power_of_three_quarters() -> None:
    counts = np.array([81, 16, 1, 0])
    words = np.zeros(20_000, np.int64) + 3
    others = skipgram.Noise(counts).beside(words, 3, np.random.default_rng(0))
    assert (others[:, 0] == 3).all()
    drawn = Counter(others[:, 1:].reshape(-1).tolist())
    for word, share in enumerate((27 / 36, 8 / 36, 1 / 36, 0)):
        assert drawn[word] / 60_000 == pytest.approx(share, abs=0.01)


def test_it_learns_which_words_belong_together() -> None:
    training = Training("adagrad", lr=0.3, epochs=4, batch_size=32, corpus=small())
    epochs = list(training.run())
    summary = training.summary()
    assert epochs[-1].loss < epochs[0].loss
    assert summary.end.all < 0.85 * summary.start.all
    assert summary.start.all == pytest.approx(6 * np.log(2))
    assert (summary.same_bits, summary.compared, summary.steps) == (True, 30, training.steps)
    for subject in SUBJECTS:
        for word in subject:
            assert {near for near, _ in training.neighbours(word, 3)} == {*subject} - {word}
    with pytest.raises(ValueError, match="'soup' is not among the 12 words"):
        training.neighbours("soup")


def test_a_sparsity_factor_multiplies_the_rate_of_each_row() -> None:
    generator = np.random.default_rng(1)
    tables = {name: generator.standard_normal((12, 3)) for name in ("input", "output")}
    centres, others = batch(count=8)
    grads = skipgram.backward(centres, others, *skipgram.forward(tables, centres, others))
    before = {name: table.copy() for name, table in tables.items()}
    Learner(tables, "sgd", "exact", 0.5, lr=0.1).step(centres, others)
    for name, words in (("input", centres), ("output", others.reshape(-1))):
        share = np.bincount(words, minlength=12) / len(words)
        assert 0 in share or name == "output"
        change = -0.1 * grads[name].dense((12, 3)) / np.sqrt(np.maximum(share, 1e-9))[:, None]
        np.testing.assert_allclose(tables[name] - before[name], change, rtol=1e-12, atol=1e-15)
    training = Training(power=0.5, corpus=small(), epochs=1)
    list(training.run())
    assert training.summary().same_bits is None


def test_a_seed_gives_the_same_run() -> None:
    found = [[epoch.loss for epoch in Training(epochs=2, seed=seed, corpus=small()).run()] for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_the_losses_are_means_over_the_pairs_of_rare_and_frequent_words() -> None:
    held_out = HeldOut(corpus([["aa"] * 5 + ["bb"] * 4 + ["cc"] * 3] * 2000))
    assert (held_out.rare_up_to, held_out.frequent_from) == (5600.0, 7200.0)
    assert held_out.pairs["rare"] > 10 < held_out.pairs["frequent"]
    untrained, size = 6 * np.log(2), 3
    tables = {"input": np.zeros((3, size)), "output": np.ones((3, size))}
    assert asdict(held_out.losses(tables)) == pytest.approx(dict.fromkeys(("all", "rare", "frequent"), untrained))
    tables["input"][2] = 1.0  # cc, the rare one: each of its pairs has six scores of 3, the first of them wanted
    found = held_out.losses(tables)
    assert found.rare == pytest.approx(np.log1p(np.exp(-size)) + 5 * np.log1p(np.exp(size)))
    assert found.frequent == pytest.approx(untrained)
    share = held_out.pairs["rare"] / held_out.pairs["all"]
    assert found.all == pytest.approx(share * found.rare + (1 - share) * untrained)


def test_batches_are_all_of_it() -> None:
    found = list(skipgram.batches(np.arange(7), np.arange(7) * 2, 3))
    assert [len(first) for first, _ in found] == [3, 3, 1]
    assert np.array_equal(np.concatenate([second for _, second in found]), np.arange(7) * 2)


KEYS = {
    *("task", "rule", "hyper", "sparse", "vocabulary", "width", "words", "pairs", "rare_up_to", "frequent_from"),
    *("neighbours", "dtype", "batch_size", "seed", "epochs", "start", "end", "steps", "step_seconds", "dense_seconds"),
    *("gradient_bytes", "dense_bytes", "same_bits", "compared", "seconds", "versions"),
}


def command(*arguments: str) -> Any:
    """The exit code of `fastopt train --task words` on a little text."""
    with pytest.raises(SystemExit) as ended:
        main(["train", "--task", "words", "--words", "3000", "--epochs", "2", *arguments])
    return ended.value.code


def test_the_command_prints_epochs_a_summary_and_neighbours(capsys: Any) -> None:
    assert command() == 0
    out, err = capsys.readouterr()
    assert (err, "\x1b" in out) == ("", False)
    for wanted in (
        *("words of Python's standard library to learn", "two tables of ", "adam: lr=0.001", "rare words"),
        *("4.159 at first", "yes, the same bits after the first ", "with dense gradients: ", "MB a step, against "),
    ):
        assert wanted in out
    examples = out[out.index("whole run") :].splitlines()[2:]
    assert len(examples) == 7
    assert all(line.endswith(" times)") and line.count(", ") == 4 for line in examples)


def test_json_is_one_object_and_nothing_else(capsys: Any) -> None:
    assert command("--json", "--batch-size", "32", "--rule", "adagrad", "--lr", "0.1", "--sparse", "lazy") == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert err == ""
    assert record.keys() == KEYS
    assert (record["task"], record["rule"], record["sparse"], record["same_bits"]) == ("words", "adagrad", "lazy", None)
    assert record["hyper"]["lr"] == 0.1
    assert record["gradient_bytes"] < record["dense_bytes"]
    first, last = record["epochs"]
    assert last["loss"] < first["loss"] < record["start"]["all"]
    assert record["end"] == last["held_out"]


def test_a_wrong_bit_is_told_and_fails_the_command(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Learner.step

    def spoilt(self: Learner, *pairs: Any) -> Any:
        found = whole(self, *pairs)
        if not self.dense:
            self.tables["output"].view("u4").flat[5] ^= 1
        return found

    monkeypatch.setattr(Learner, "step", spoilt)
    assert command() == 1
    assert "WRONG: others after the first" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "letters"], "task must be digits or words; got 'letters'"),
        (["--hidden", "16"], "--hidden has no effect with --task words"),
        (["--device", "cpu"], "--device has no effect with --task words"),
        (["--sparse", "loose"], "sparse must be 'exact', 'lazy' or 'dense'; got 'loose'"),
        (["--words", "0"], "words must be 1 or more; got 0"),
        (["--words", "5"], "a text of 5 words has no two that stand 3 times in it"),
        (["--epochs", "0"], "epochs must be 1 or more; got 0"),
        (["--batch-size", "0"], "batch size must be 1 or more; got 0"),
        (["--seed", "-1"], "seed must be 0 or more; got -1"),
        (["--dtype", "float16"], "dtype must be 'float32' or 'float64'; got 'float16'"),
        (["--rule", "adamm"], "there is no rule 'adamm'"),
        (["--lr", "-1"], "lr must satisfy"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys: Any, arguments: list[str], message: str) -> None:
    assert command(*arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert (out, err.count("\n")) == ("", 1)


def test_options_of_words_have_no_effect_on_digits(capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "--sparse", "lazy"])
    assert ended.value.code == 2
    assert "--sparse has no effect with --task digits" in capsys.readouterr().err


def test_without_the_source_of_the_library_the_command_says_so(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"stdlib": str(tmp_path)})
    assert command("--words", "1234") == 2
    assert f"Python's standard library has no source files in {tmp_path}" in capsys.readouterr().err


def test_the_benchmark_writes_what_the_page_is_made_of() -> None:
    spec = importlib.util.spec_from_file_location("words_benchmark", ROOT / "benchmarks" / "words.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    committed = json.loads((ROOT / "benchmarks" / "results" / "words.json").read_text(encoding="utf-8"))
    named = {(name, one.rule, one.sparse, one.power) for name, one in module.CONTENDERS.items()}
    contenders = committed["losses"]["contenders"]
    assert {(name, *(row[key] for key in ("rule", "sparse", "power"))) for name, row in contenders.items()} == named
    row = module.cost(module.CONTENDERS["Adam, exact"], 12, [batch(seed) for seed in range(8)])
    for found in committed["costs"]["batches"].values():
        assert found["contenders"]["Adam, exact"].keys() == row.keys()
        assert found["contenders"]["Adam, exact"]["seconds"].keys() == row["seconds"].keys()
    # What rates are chosen by and what is reported are two parts of the held-out text.
    first, second = (HeldOut(half).pairs["all"] for half in module.halves(small()))
    parts = [half.held_out.paragraphs for half in module.halves(small())]
    assert not set(parts[0]) & set(parts[1])
    assert len(parts[0]) + len(parts[1]) == len(small().held_out.ids)
    assert min(first, second) > 0


@pytest.mark.long
def test_the_standard_library_teaches_its_words() -> None:
    training = Training("adagrad", lr=0.1, epochs=2, words=120_000)
    epochs = list(training.run())
    assert epochs[-1].held_out.all < 0.6 * training.start.all
    assert epochs[-1].held_out.rare < 0.65 * training.start.rare
    assert training.summary().same_bits is True
    # Near to one another in any version of the library.
    assert {"raise", "except"} & {word for word, _ in training.neighbours("error", 8)}
    assert len(stdlib(120_000).words) > 2000

"""The lab: runs are those of the kernels, pictures show them, and every statement is decided by its run."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import ROOT, docs, run_python, same_bits

from fastopt import lab
from fastopt.cli import main
from fastopt.kernels import RULES, rule
from fastopt.lab import build, captions
from fastopt.lab.statement import Finding
from fastopt.lab.statements import STATEMENTS

COMMITTED = json.loads((ROOT / "docs" / "generators" / "lab.json").read_text(encoding="utf-8"))
PICTURES = {
    picture.name
    for chapter in (*map(captions.of_surface, lab.SURFACES.values()), *captions.FAMILIES, captions.DIGITS)
    for picture in chapter.pictures
}


@pytest.mark.parametrize("name", [name for name, one in STATEMENTS.items() if not one.digits])
def test_a_statement_is_decided_again_as_the_documentation_says(name: str) -> None:
    assert STATEMENTS[name].measure().as_record() == COMMITTED[name]


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name, one in STATEMENTS.items() if one.digits])
def test_a_statement_on_the_digits_is_decided_again_as_the_documentation_says(name: str) -> None:
    # Figures may differ in their last digits: matrix products have other bits on other machines.
    found = STATEMENTS[name].measure()
    assert dict(found.parts) == COMMITTED[name]["parts"]
    assert found.verdict == COMMITTED[name]["verdict"]


def test_the_table_has_every_statement_and_every_picture_is_there() -> None:
    assert list(COMMITTED) == list(STATEMENTS)
    assert {one.picture for one in STATEMENTS.values()} <= PICTURES
    text = (ROOT / "docs" / "lab.md").read_text(encoding="utf-8")
    assert docs("lab").page(COMMITTED) == text, "run python docs/generators/generate.py"
    for name in docs("lab").PICTURES:
        assert name in PICTURES
        assert (ROOT / "docs" / f"lab-{name}.svg").exists()


@pytest.mark.parametrize(("parts", "verdict"), [((1, 1), "holds"), ((1, 0), "in part"), ((0, 0), "does not hold")])
def test_the_verdict_follows_from_the_claims(parts: tuple[int, ...], verdict: str) -> None:
    assert Finding("", {str(k): bool(part) for k, part in enumerate(parts)}).verdict == verdict


# Surfaces


@pytest.mark.parametrize("name", list(lab.SURFACES))
def test_gradients_are_those_of_differences(name: str) -> None:
    where = lab.SURFACES[name]
    generator = np.random.default_rng(0)
    for _ in range(20):
        p = np.array([generator.uniform(*where.x), generator.uniform(*where.y)])
        for k in range(2):
            h = np.zeros(2)
            h[k] = 1e-6
            difference = (where.loss(p + h) - where.loss(p - h)) / 2e-6
            assert where.slope(p)[k] == pytest.approx(difference, rel=1e-5, abs=1e-5)
    for point in where.minima:
        assert where.loss(point) == (-0.25 if name == "saddle" else 0.0)
        assert where.loss(point) <= where.grid(40)[2].min()


def bowl(**changed: Any) -> lab.Surface:
    given: dict[str, Any] = {"f": lambda x, y: x**2 + 3 * y**2, "start": (2, 1), "x": (-3, 3), "y": (-2, 2)}
    return lab.Surface("bowl", **{**given, **changed})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"gradient": lambda x, y: (2 * x, 6 * y, 0.0)}, r"bowl: gradient must give the 2 derivatives.* shape \(3,\)"),
        ({"gradient": lambda x, y: 2 * x}, r"bowl: gradient must give .* shape \(\)"),
        ({"gradient": lambda x, y: (2 * x, 3 * y)}, r"gradient gives \[.*\], but differences of f give \[.*\]"),
        ({"f": lambda x, y: abs(x) + y**2}, "complex step gives .* analytic .*or pass gradient="),
        ({"f": lambda x, y: np.array([x, y])}, r"f must give one number at a point; got shape \(2,\)"),
        ({"f": lambda x, y: np.log(-(x**2)) + y}, r"the loss at the start, \(2, 1\), is nan; start elsewhere"),
        ({"x": (3, -3)}, r"x must be its ends, the lower first; got \(3, -3\)"),
        ({"steps": 0}, "steps must be 1 or more; got 0"),
    ],
)
def test_bad_surfaces_are_named(changed: dict[str, Any], message: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        bowl(**changed)


def test_a_surface_that_does_not_take_arrays_is_named() -> None:
    where = bowl(f=lambda x, y: x**2 + y**2 if np.ndim(x) == 0 else np.zeros(3))
    with pytest.raises(ValueError, match=r"bowl: f must work on arrays.*\(8, 8\) became \(3,\)"):
        where.grid(8)


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"no surface 'valey'; .*valley"):
        lab.descend("sgd", "valey")
    with pytest.raises(ValueError, match=r"no rule 'adamm'; .*adam"):
        lab.descend("adamm", "valley")
    with pytest.raises(TypeError, match=r"a surface is a fastopt\.lab\.Surface or the name of one; got 3"):
        lab.descend("sgd", 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"math:pi must be a fastopt\.lab\.Surface"):
        lab.surface("math:pi")
    with pytest.raises(ValueError, match="start must be two finite numbers"):
        lab.descend("sgd", "valley", start=(1, 2, 3))
    with pytest.raises(ValueError, match="runs of one picture are on one surface"):
        lab.draw_paths([lab.descend("sgd", "valley"), lab.descend("sgd", "saddle")], "x.svg")


# Runs


@pytest.mark.parametrize("name", ["adam", "rmsprop", "nesterov"])
def test_a_run_is_that_of_the_formula(name: str) -> None:
    run = lab.descend(name, "rosenbrock", lr=1e-3, steps=30)
    found, where = RULES[name], lab.SURFACES["rosenbrock"]
    p, *slots = np.array(where.start), *(np.zeros(2) for _ in found.slots)
    for t in range(1, 31):
        p, *slots = found.reference(p, where.slope(p), *slots, t=t, lr=1e-3)
        assert same_bits(run.points[t], p)


@rule
def own(p, g, *, lr=0.1):  # type: ignore[no-untyped-def]
    """Half of a plain step."""
    return p - 0.5 * lr * g


def test_ones_own_rule_on_ones_own_surface(tmp_path: Path) -> None:
    where = bowl()
    given = bowl(gradient=lambda x, y: (2 * x, 6 * y))
    run = lab.descend(own, where, lr=0.1, steps=20)
    np.testing.assert_allclose(run.points, lab.descend(own, given, lr=0.1, steps=20).points, rtol=1e-14)
    np.testing.assert_allclose(run.rates, 0.05)
    assert run.losses[-1] < run.losses[0] / 10
    assert run.left is None
    runs = [run, lab.tuned("adam", where, steps=20)]
    lab.draw_paths(runs, tmp_path / "paths.svg")
    lab.draw_losses(runs, tmp_path / "losses.png")
    lab.draw_rates(runs, tmp_path / "rates.svg")
    assert all(path.stat().st_size > 10_000 for path in tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"must end in \.png or \.svg"):
        lab.draw_paths(runs, tmp_path / "paths.pdf")


def test_a_run_that_diverges_ends_where_it_left_and_is_labelled(tmp_path: Path) -> None:
    from fastopt.lab import paths_plot

    run = lab.descend("sgd", "valley", lr=1.32)
    assert run.left == run.steps < lab.SURFACES["valley"].steps
    assert run.inside == 3
    figure = paths_plot.paths([run])
    assert figure.axes[0].get_title(loc="right") == "lr 1.32, left at step 3"
    (line, *_) = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    edge = line.get_xydata()[-1]
    assert abs(edge[1]) == pytest.approx(2.6)  # the edge of the window
    labels = [text.get_text() for text in paths_plot.losses([run]).axes[0].texts]
    assert "sgd: diverged" in labels


def test_a_run_into_nan_ends_there() -> None:
    where = bowl(f=lambda x, y: np.sqrt(x) + y**2, start=(0.05, 1.0), x=(0, 3))
    with np.errstate(all="ignore"):
        run = lab.descend("sgd", where, lr=0.1)
    assert run.left == run.steps < 5
    assert math.isnan(run.losses[-1])
    with np.errstate(all="ignore"):
        assert lab.descend("sgd", where, lr=1e308).left == 1


def test_the_best_rate_stays_in_the_window() -> None:
    for name in ("sgd", "adam", "adagrad"):
        run = lab.tuned(name, "beale")
        assert run.inside == len(run.points)
        assert all(
            run.losses[-1] <= other.losses[-1]
            for lr in lab.RATES
            if (other := lab.descend(name, "beale", lr=lr)).inside == len(other.points)
        )


def test_the_rate_that_a_zero_would_have_met() -> None:
    g = np.ones((40, 2))
    g[10:, 1] = 0.0
    rates = lab.rates_met("adam", g, lr=0.5, beta1=0.0, eps=0.0)
    t = np.arange(1, 41)
    v = 1 - 0.999 ** np.minimum(t, 10)
    expected = 0.5 / np.sqrt(v * 0.999 ** np.maximum(t - 10, 0) / (1 - 0.999**t))
    np.testing.assert_allclose(rates[:, 0], 0.5, rtol=1e-6)
    np.testing.assert_allclose(rates[:, 1], expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"of shape \(steps, weights\); got shape \(3,\)"):
        lab.rates_met("adam", np.ones(3))


# The command


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["lab", *arguments])
    code = ended.value.code
    return (int(code) if code else 0, *capsys.readouterr())


def test_chosen_rules_on_chosen_surfaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(
        "from fastopt.kernels import rule\nfrom fastopt.lab import Surface\n\n"
        "@rule\ndef half(p, g, *, lr=0.1):\n    return p - 0.5 * lr * g\n\n"
        "dip = Surface('<dip>', lambda x, y: x**2 + y**4, start=(2, 1), x=(-3, 3), y=(-2, 2))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    chosen = ("--rule", "sgd", "--rule", "mine:half", "--surface", "mine:dip", "--lr", "0.9", "--steps", "9")
    code, out, err = run(capsys, "--output", "made", "--json", *chosen)
    assert (code, err) == (0, "")
    made = json.loads(out)
    assert made["statements"] == {}
    assert len(made["pictures"]) == 6
    assert {path.name for path in (tmp_path / "made").iterdir()} == {*made["pictures"], "index.html"}
    check_page((tmp_path / "made" / "index.html").read_text(encoding="utf-8"), pictures=3)


def test_two_surfaces_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "others.py").write_text("from fastopt.lab import SURFACES\n\nbeside = SURFACES['valley']\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="the pictures of others:beside would have the names of those of valley"):
        build.Order(tmp_path, surfaces=("valley", "others:beside")).check()


def check_page(text: str, pictures: int) -> None:
    """One page that asks nothing of a server, every link of which leads somewhere in it."""
    from html.parser import HTMLParser

    found: dict[str, list[str]] = {"src": [], "href": [], "id": [], "alt": []}
    tags = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            for name, value in attrs:
                found.get(name, []).append(value or "")

    Reader().feed(text)
    assert len(found["src"]) == len(found["alt"]) == pictures
    assert all(value.startswith("data:image/svg+xml;base64,") for value in found["src"])
    assert all((value.startswith("#") and value[1:] in found["id"]) or value == "data:," for value in found["href"])
    assert len(set(found["id"])) == len(found["id"])
    assert not {"script", "iframe", "object", "link rel=stylesheet", "dip"} & set(tags)


def test_the_page_with_the_table_of_the_documentation() -> None:
    from fastopt.lab import page

    chapters = (*map(captions.of_surface, lab.SURFACES.values()), *captions.FAMILIES, captions.DIGITS)
    text = page.html(chapters, COMMITTED, dict.fromkeys(PICTURES, b'<svg viewBox="0 0 4 3"/>'))
    check_page(text, pictures=len(PICTURES))
    assert text.count('class="verdict') == len(COMMITTED)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rule", "adamm"), "there is no rule 'adamm'"),
        (("--surface", "vally"), "there is no surface 'vally'"),
        (("--surface", "nowhere:f"), "there is no surface 'nowhere:f'"),
        (("--rule", "sgd", "--rule", "sgd"), "sgd is given twice"),
        (("--lr", "-1"), "lr must be above 0"),
        (("--steps", "0"), "steps must be from 1"),
    ],
)
def test_bad_arguments_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run(capsys, "--output", str(tmp_path / "made"), *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "made").exists()


@pytest.mark.long
def test_the_whole_lab(tmp_path: Path) -> None:
    ticks: list[int] = []
    plan = build.Order(tmp_path)
    made = build.build(plan, lambda: ticks.append(1))
    assert len(ticks) == build.steps_of(plan)
    assert {name: one["verdict"] for name, one in made["statements"].items()} == {
        name: one["verdict"] for name, one in COMMITTED.items()
    }
    assert {f"{name}{ending}" for name in PICTURES for ending in (".svg", ".png")} == set(made["pictures"])
    assert {*made["pictures"], "index.html", "lab.json"} == {path.name for path in tmp_path.iterdir()}
    check_page((tmp_path / "index.html").read_text(encoding="utf-8"), pictures=len(PICTURES))


def test_importing_the_lab_imports_nothing_heavy() -> None:
    done = run_python(
        "-c", "import sys, fastopt.lab, fastopt.watch.watch; print({'matplotlib', 'numba'} & set(sys.modules))"
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")


# Labels


def test_labels_do_not_touch_and_stay_near() -> None:
    from fastopt.plots.end_labels import ink, spread

    generator = np.random.default_rng(0)
    for _ in range(200):
        heights = np.sort(generator.uniform(-20, 120, generator.integers(1, 8)))
        gaps = generator.choice([10.0, 20.0], len(heights))
        if gaps.sum() > 100:
            continue
        placed = np.array(spread([float(h) for h in heights], [float(g) for g in gaps], 0.0, 100.0))
        room = (gaps[1:] + gaps[:-1]) / 2
        assert np.all(np.diff(placed) >= room - 1e-9)
        assert np.all(placed >= -20.1)
        assert np.all(placed <= 120.1)
    assert spread([10.0, 50.0, 90.0], [10.0] * 3, 0.0, 100.0) == [10.0, 50.0, 90.0]
    assert spread([50.0, 50.0], [10.0] * 2, 0.0, 100.0) == [45.0, 55.0]
    for colour in ("#E69F00", "#56B4E9", "#000000"):
        red, green, blue = (value**2.2 for value in ink(colour))
        assert 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.19


def test_a_surface_can_start_elsewhere() -> None:
    where = dataclasses.replace(lab.SURFACES["saddle"], start=(1.0, -0.5))
    assert lab.tuned("sgd", where).points[-1][1] == pytest.approx(-1.0, abs=1e-3)

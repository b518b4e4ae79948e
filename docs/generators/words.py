"""The page on rare words: what the runs of benchmarks/words.py say, each sentence held to its figures."""

from typing import Any

PARTS = ("all", "rare", "frequent")
FACTORS = ("SGD, sparsity factor, power 1/4", "SGD, sparsity factor, power 1/2")


def page(found: dict[str, Any]) -> str:
    """The text of words.md. Raises ValueError for a sentence that the figures do not support."""
    losses, costs = found["losses"], found["costs"]
    runs, machine = losses["contenders"], found["machine"]

    def said(sentence: str, holds: bool) -> str:
        if not holds:
            raise ValueError(f"the figures do not support: {sentence}")
        return sentence

    def end(name: str, words: str = "rare", by: str = "all") -> float:
        return float(runs[name][f"chosen by {by}"]["last_epoch"][words])

    def early(name: str, words: str) -> float:
        return float(runs[name]["chosen by all"]["first_epoch"][words])

    def lead(name: str, words: str) -> float:
        return early("SGD", words) - early(name, words)

    def rate(name: str, by: str = "all") -> float:
        return float(runs[name][f"chosen by {by}"]["lr"])

    def length(name: str, words: str) -> float:
        return float(runs[name]["chosen by all"]["length"][words])

    share = {size: batch["share_of_rows"] for size, batch in costs["batches"].items()}
    small, large = share
    parts = [
        "# Rare words: do adaptive rates help?",
        "Written by docs/generators/generate.py from benchmarks/results/words.json, which `python benchmarks/words.py "
        "--json benchmarks/results/words.json` writes. Each sentence was checked against the figures. `fastopt train "
        "--task words` is one such run, on more text, with the nearest neighbours of some words.",
        "Skip-gram word vectors with negative sampling (Mikolov et al. 2013, arXiv:1310.4546) learn from "
        f"{losses['words']['train']:,} words of the source of Python {machine['python']}'s standard library, in "
        f"{losses['epochs']} passes. Every fifth paragraph is held out. Of the {losses['vocabulary']:,} words of the "
        f"vocabulary the rarest quarter stands 3 to {losses['rare_up_to']:.0f} times in the text, the most frequent "
        f"quarter {losses['frequent_from']:.0f} times or more. The loss of a pair counts as rare or frequent by its "
        f"centre; {losses['pairs_to_report']['rare']:,} held-out pairs are rare, "
        f"{losses['pairs_to_report']['frequent']:,} frequent. Untrained tables have a loss of "
        f"{losses['untrained']['all']:.3f} on any pair.",
        said(
            "The comparison is fair to each rule in the same way: of a grid of five rates of its own, a quarter of a "
            "decade apart, it takes the one with the least loss on one half of the held-out text, over all words, in a "
            f"run with a seed of its own. The figures are of the other half, means over {losses['seeds']} other seeds. "
            "No rate that was chosen is at the end of its grid.",
            all(0 < place(run["sweep"], rate(name)) < len(run["sweep"]) - 1 for name, run in runs.items()),
        ),
        "## Losses",
        table(runs, "all"),
        "Length is the mean Euclidean norm of the words' vectors. The exact runs have the bits that dense gradients "
        "would have given them (`tests/train/test_words.py`), so their losses are those of dense gradients too.",
        said(
            "The notes say that the weights of rare features hardly move by gradient descent, and that adaptive rates "
            f"make up for it. Adagrad does: after one pass its loss of rare words is {early('Adagrad', 'rare'):.2f} "
            f"where SGD's is {early('SGD', 'rare'):.2f}, and its vectors of rare words end "
            f"{length('Adagrad', 'rare') / length('SGD', 'rare'):.2f} times as long, those of frequent ones "
            f"{length('Adagrad', 'frequent') / length('SGD', 'frequent'):.2f} times.",
            early("Adagrad", "rare") < early("SGD", "rare") - 0.15
            and length("Adagrad", "rare") > length("SGD", "rare")
            and length("Adagrad", "frequent") < length("SGD", "frequent"),
        ),
        said(
            f"But frequent words have most of that lead as well, {early('Adagrad', 'frequent'):.2f} against "
            f"{early('SGD', 'frequent'):.2f}, as one expects of rates that begin high and fall. Adam, no less "
            f"adaptive, has little of it on rare words: {early('Adam, exact', 'rare'):.2f}.",
            lead("Adagrad", "rare") > lead("Adagrad", "frequent") > lead("Adagrad", "rare") / 2
            and 0 < lead("Adam, exact", "rare") < lead("Adagrad", "rare") / 2,
        ),
        said(
            f"And it is a head start. After {losses['epochs']} passes SGD is at {end('SGD'):.2f} on rare words, "
            f"Adagrad at {end('Adagrad'):.2f}, exact Adam at {end('Adam, exact'):.2f}. What Adagrad gains on "
            f"frequent words is more: {end('Adagrad', 'frequent'):.2f} against {end('SGD', 'frequent'):.2f}.",
            0 < end("SGD") - end("Adagrad") < end("SGD", "frequent") - end("Adagrad", "frequent")
            and end("Adam, exact") < end("SGD"),
        ),
        said(
            "So the claim holds here in a weaker form: a rate for each weight is not what lets rare words be learnt, "
            "but it makes one setting good for both kinds. Tuned for the rare words alone, SGD takes the rate "
            f"{rate('SGD', 'rare'):g} instead of {rate('SGD'):g}, and pays for "
            f"{end('SGD') - end('SGD', by='rare'):.2f} on them with "
            f"{end('SGD', 'frequent', 'rare') - end('SGD', 'frequent'):.2f} on the frequent ones.",
            rate("SGD", "rare") > rate("SGD")
            and end("SGD", "frequent", "rare") - end("SGD", "frequent") > end("SGD") - end("SGD", by="rare") > 0,
        ),
        table(runs, "rare"),
        "## Lazy or exact",
        said(
            "A lazy Adam is worse on rare words at the rate that is best for all: "
            f"{end('Adam, lazy'):.2f} against {end('Adam, exact'):.2f} for the exact one. After a rare word's gradient "
            "the exact rule moves its row on, by its momentum, through the steps without one; the lazy rule moves it "
            f"once. A higher rate, {rate('Adam, lazy', 'rare'):g}, makes up for it: "
            f"{end('Adam, lazy', by='rare'):.2f}.",
            end("Adam, lazy") > end("Adam, exact") + 0.1
            and rate("Adam, lazy", "rare") > rate("Adam, lazy")
            and end("Adam, lazy", by="rare") < end("Adam, lazy") - 0.1,
        ),
        "SGD and Adagrad have no such choice: a row without a gradient rests, and lazy and exact are the same to the "
        "bit.",
        "## The sparsity factor",
        "The notes' eta_t = eta_0 * sparsity_factor(x_t), with SGD and `fastopt.SparsityFactor`: a row's rate is "
        "multiplied by a power of the inverse of how often its word has had a gradient.",
        said(
            "It does what the notes say, for rare words and for frequent ones: "
            + "; ".join(
                f"with the power {name.rpartition(' ')[2]} {end(name):.2f} and {end(name, 'frequent'):.2f}"
                for name in FACTORS
            )
            + f"; plain SGD is at {end('SGD'):.2f} and {end('SGD', 'frequent'):.2f}, Adagrad at {end('Adagrad'):.2f} "
            f"and {end('Adagrad', 'frequent'):.2f}. The factor keeps a number for each row, Adagrad one an element.",
            all(end(name, words) < end("SGD", words) for name in FACTORS for words in PARTS),
        ),
        "## Costs",
        f"A step on the tables of the whole library, {costs['vocabulary']:,} words, {costs['width']} wide, float32: "
        f"{machine['processor']}, {machine['cores']} cores; medians of {costs['rounds']} steps in turn. A dense "
        "gradient has to be made of the rows (`numpy.add.at`) before it can be used; its time is apart. Memory is the "
        "most that a step holds at once beside tables and state, the model's own arrays included.",
        *(cost_table(size, batch) for size, batch in costs["batches"].items()),
        f"With {small} pairs, which touch {share[small]:.1%} of the rows, a step is "
        f"{span(costs['batches'][small])} times as fast as with dense gradients, the making of them included; with "
        f"{large} pairs, {share[large]:.0%} of the rows, {span(costs['batches'][large])} times.",
        said(
            "These tables are small, and fit into the processor's cache: what a row-sparse step saves here is memory "
            "first. [sparse.md](sparse.md) has the times for a million rows.",
            all(
                row["bytes"]["row_sparse"] < 0.5 * row["bytes"]["dense"]
                for batch in costs["batches"].values()
                for row in batch["contenders"].values()
            ),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def place(sweep: list[dict[str, Any]], lr: float) -> int:
    return [row["lr"] for row in sweep].index(lr)


def table(runs: dict[str, Any], by: str) -> str:
    """The losses at the rates chosen by the loss of all words, or of rare ones."""
    lines = [
        f"| at the rate best for {'all' if by == 'all' else 'rare'} words | rate | all | rare (seeds) | frequent | "
        "rare, after one pass | length, rare | length, frequent |",
        "| --- " * 8 + "|",
    ]
    for name, run in runs.items():
        row = run[f"chosen by {by}"]
        last, rare, length = row["last_epoch"], row["each"]["rare"], row["length"]
        lines.append(
            f"| {name} | {row['lr']:g} | {last['all']:.3f} | {last['rare']:.3f} ({min(rare):.3f} to {max(rare):.3f}) | "
            f"{last['frequent']:.3f} | {row['first_epoch']['rare']:.3f} | {length['rare']:.2f} | "
            f"{length['frequent']:.2f} |"
        )
    return "\n".join(lines)


def cost_table(size: str, batch: dict[str, Any]) -> str:
    lines = [
        f"| {size} pairs in a step | row-sparse, ms | dense, ms | making it dense, ms | row-sparse, MB | dense, MB |",
        "| --- " * 6 + "|",
    ]
    for name, row in batch["contenders"].items():
        times = [f"{row['seconds'][kind]['median'] * 1e3:.2f}" for kind in ("row_sparse", "dense", "making_dense")]
        sizes = [f"{row['bytes'][kind] / 1e6:.2f}" for kind in ("row_sparse", "dense")]
        lines.append(f"| {' | '.join((name, *times, *sizes))} |")
    return "\n".join(lines)


def span(batch: dict[str, Any]) -> str:
    """The least and the most of the contenders."""
    found = [row["times_as_fast"]["median"] for row in batch["contenders"].values()]
    return f"{min(found):.2g} to {max(found):.2g}"

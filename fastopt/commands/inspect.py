"""`fastopt inspect`: a rule's formula, its costs, and the source generated for each backend."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from . import refusing

if TYPE_CHECKING:
    from ..inspection import Inspection


def inspect(
    rule: Annotated[str, typer.Argument(help="A rule of the library, or your own as module:name.")],
    backend: Annotated[str, typer.Option(help="Whose source: cpu, cupy, cuda (numba-cuda), all or none.")] = "all",
    dtype: Annotated[str, typer.Option(help="Of parameters and gradients: float16, bfloat16, float32, float64.")] = (
        "float32"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show what a rule is and costs, and the kernels that are made of it."""
    from ..inspection import as_record, inspected
    from ..kernels.dispatch import BACKENDS

    with refusing(TypeError, ValueError, ImportError, ArithmeticError):
        found = inspected(rule, dtype)
        chosen = {"all": list(BACKENDS), "none": []}.get(backend, [backend])
        if not set(chosen) <= set(BACKENDS):
            raise ValueError(f"backend must be {', '.join(BACKENDS)}, all or none; got {backend!r}")
        sources = [source for name in chosen for source in found.sources(name)]
    if as_json:
        print(json.dumps(as_record(found, chosen)))
        return
    _print(found, sources)


def _print(found: "Inspection", sources: list[tuple[str, str, str]]) -> None:
    from rich.console import Console
    from rich.syntax import Syntax
    from rich.text import Text

    out = Console(highlight=False, markup=False)
    out.soft_wrap = not out.is_terminal

    def show(text: str, language: str) -> None:
        # Unwrapped, so that it can be copied or piped.
        plain = Syntax(text, language, background_color="default").highlight(text.rstrip()) if out.is_terminal else text
        out.print(plain, soft_wrap=True)

    rule = found.rule
    show(found.formula, "python")
    rows = {
        "bits": "NumPy's, on every backend" if rule.exact else "not promised: it takes a power, exp or log of arrays",
        "state": ", ".join(f"{name} (from {start})" for name, start in rule.start.items()) or "none",
    }
    if rule.states:
        rows["numbers carried"] = ", ".join(f"{name} (from {start})" for name, start in rule.states.items())
    rows["requires"] = ", ".join(valid.text for valid in rule.ranges.values()) or "nothing"
    rows["memory"] = f"{found.bytes} bytes an element in {len(found.passes)} pass{'es' * (len(found.passes) > 1)}"
    out.print()
    for name, text in rows.items():
        out.print(Text.assemble((f"{name:>16}", "bold"), f"  {text}"))
    for number, one in enumerate(found.passes, 1):
        out.print()
        out.print(f"pass {number}: {found.storage} parameters", style="bold")
        moved = f"{', '.join(one.reads)} read; {', '.join(one.writes or one.norms)} {'written' * bool(one.writes)}"
        out.print(f"{'moves':>16}  {moved.strip()}: {one.bytes} bytes an element")
        counted = ", ".join(f"{count} {name}" for name, count in sorted(one.operations.items(), key=lambda o: -o[1]))
        out.print(f"{'computes':>16}  {counted or 'nothing'}: {sum(one.operations.values())} operations an element")
        for text, value in one.scalars.items():
            at = "known after the pass before" if value is None else f"{value:.9g} at t = 1"
            out.print(f"{'on the host':>16}  {text} = {at}")
    for title, language, text in sources:
        out.print()
        out.rule(title, style="dim")
        show(text, language)

"""`fastopt inspect`: a rule's formula, its costs, and for each backend the source or the compiled code."""

import json
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from .figures import amount
from .format_options import with_formats
from .refusing import refusing

if TYPE_CHECKING:
    from rich.console import Console

    from ..inspection.machine_code.listing import Listing
    from ..inspection.rule import Inspection


@with_formats()
def inspect(
    rule: Annotated[str, typer.Argument(help="A rule of the library, or your own as module:name.")],
    backend: Annotated[str, typer.Option(help="Whose kernels: cpu, cupy, cuda (numba-cuda), all or none.")] = "all",
    dtype: Annotated[str, typer.Option(help="Of parameters and gradients: float16, bfloat16, float32, float64.")] = (
        "float32"
    ),
    *,
    formats: dict[str, str],
    asm: Annotated[
        bool, typer.Option("--asm", help="Instead of sources, the CPU's assembly and its hot loop.")
    ] = False,
    ptx: Annotated[
        bool, typer.Option("--ptx", help="Instead of sources, the GPU's PTX, registers, occupancy.")
    ] = False,
    sass: Annotated[bool, typer.Option("--sass", help="The same with the GPU's machine code; needs nvdisasm.")] = False,
    arch: Annotated[
        str | None, typer.Option(help="For --ptx and --sass: sm_80, sm_90, ...; by default this machine's, or sm_90.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show what a rule is and costs, and the kernels that are made of it."""
    from ..inspection.formats import read
    from ..inspection.rule import as_record, inspected
    from ..kernels.backends import BACKENDS

    with refusing(TypeError, ValueError, ImportError, ArithmeticError, FileNotFoundError, RuntimeError):
        inspection = inspected(rule, dtype, **{name: read(name, text) for name, text in formats.items()})
        chosen = {"all": list(BACKENDS), "none": []}.get(backend, [backend])
        if not set(chosen) <= set(BACKENDS):
            raise ValueError(f"backend must be {', '.join(BACKENDS)}, all or none; got {backend!r}")
        forms = [form for form, wanted in {"asm": asm, "ptx": ptx, "sass": sass}.items() if wanted]
        listings = _compiled(inspection, chosen, forms, arch)
        sources = [] if forms else [source for name in chosen for source in inspection.sources(name)]
    if as_json:
        record = as_record(inspection, chosen)
        print(json.dumps({**record, "compiled": [listing.record for listing in listings]} if forms else record))
        return
    _print(inspection, sources, listings)


def _compiled(found: "Inspection", backends: Sequence[str], forms: Sequence[str], arch: str | None) -> "list[Listing]":
    """The kernels in the forms that are asked for. Raises ValueError for an option that would have no effect."""
    of_gpu = [form for form in forms if form != "asm"]
    if arch is not None and not of_gpu:
        raise ValueError(f"--arch {arch} is for --ptx and --sass; give one of them with it")
    for form in forms:
        able = {"cpu"} if form == "asm" else {"cupy", "cuda"}
        if not able & set(backends):
            raise ValueError(f"--{form} shows kernels of {' and '.join(sorted(able))}, which --backend leaves out")
    if not forms:
        return []
    from ..inspection.machine_code import cpu, gpu, listing

    listings = [listing.of_cpu(kernel) for kernel in cpu.cpu_kernels(found)] if "asm" in forms else []
    target = arch or gpu.current_arch() or gpu.DEFAULT_ARCH
    for name in [name for name in backends if name != "cpu"] if of_gpu else []:
        listings += [listing.of_gpu(kernel) for kernel in gpu.gpu_kernels(found, name, target, of_gpu)]
    return listings


def _print(found: "Inspection", sources: list[tuple[str, str, str]], listings: "Sequence[Listing]") -> None:
    from rich.console import Console
    from rich.syntax import Syntax

    out = Console(highlight=False, markup=False)
    out.soft_wrap = not out.is_terminal

    def show(text: str, language: str) -> None:
        # Unwrapped, so that it can be copied or piped.
        plain = Syntax(text, language, background_color="default").highlight(text.rstrip()) if out.is_terminal else text
        out.print(plain, soft_wrap=True)

    show(found.formula, "python")
    _print_costs(out, found)
    for title, language, text in sources:
        out.print()
        out.rule(title, style="dim")
        show(text, language)
    for listing in listings:
        out.print()
        out.rule(listing.title, style="dim")
        _print_rows(out, listing.rows)
        for text, language in listing.texts:
            out.print()
            show(text, language)


def _print_rows(out: "Console", rows: Iterable[tuple[str, str]], style: str = "bold") -> None:
    from rich.text import Text

    for name, text in rows:
        # On a terminal, lines that follow stand under the text.
        lines = wrap(text, max(out.width - 18, 20)) if out.is_terminal else [text]
        out.print(Text.assemble((f"{name:>16}", style), "  ", f"\n{'':18}".join(lines)))


def _print_costs(out: "Console", found: "Inspection") -> None:
    from ..inspection.formats import PLAIN
    from ..kernels.arrays.view import compute_type

    rule, usual = found.definition, compute_type([found.storage])
    kinds = {name: f"{kind}, " if (kind := found.stored[name]) != usual else "" for name in rule.slots}
    rows = {
        "bits": "NumPy's, on every backend" if rule.exact else "not promised: it takes a power, exp or log of arrays",
        "state": ", ".join(f"{name} ({kinds[name]}from {rule.start[name]})" for name in rule.slots) or "none",
    }
    if rule.states:
        rows["numbers carried"] = ", ".join(f"{name} (from {start})" for name, start in rule.states.items())
    rows["requires"] = ", ".join(valid.text for valid in rule.ranges.values()) or "nothing"
    becomes = found.new_values.items() if found.formats != PLAIN else ()
    if becomes:
        # The author's text does not have them.
        rows["options"] = str(found.formats).removeprefix(", ")
    rows["memory"] = (
        f"{amount(found.bytes)} bytes an element in {len(found.passes)} pass{'es' * (len(found.passes) > 1)}"
    )
    out.print()
    _print_rows(out, [*rows.items(), *(("becomes", f"{name} = {text}") for name, text in becomes)])
    first = "at t = 1 and a loss of 1" if rule.takes_loss else "at t = 1"
    for number, cost in enumerate(found.passes, 1):
        out.print()
        out.print(f"pass {number}: {found.storage} parameters", style="bold")
        moved = f"{', '.join(cost.reads)} read; {', '.join(cost.writes or cost.norms)} {'written' * bool(cost.writes)}"
        lines = [("moves", f"{moved.strip()}: {amount(cost.bytes)} bytes an element")]
        counted = ", ".join(f"{count} {name}" for name, count in sorted(cost.operations.items(), key=lambda o: -o[1]))
        lines.append(("computes", f"{counted or 'nothing'}: {sum(cost.operations.values())} operations an element"))
        for text, value in cost.scalars.items():
            at = "known after the pass before" if value is None else f"{value:.9g} {first}"
            lines.append(("on the host", f"{text} = {at}"))
        _print_rows(out, lines, "")

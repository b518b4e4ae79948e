"""What editors and type checkers see of the optimizer classes, which are made from the rules: fastopt/__init__.pyi."""

import inspect
import math
from typing import Any

import fastopt
from fastopt.kernels.riders import NUMBERS
from fastopt.optimizer.classes import CLASSES

HEAD = '''"""{doc}"""

# Written by docs/generators/generate.py from the rules.

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import kernels as kernels
from . import lab as lab
from . import like as like
from . import schedules as schedules
from .checkpoint.restore import LoadReport as LoadReport
from .kernels.arrays.row_sparse import RowSparse as RowSparse
from .monitors import BoldDriver as BoldDriver
from .monitors import EarlyStopping as EarlyStopping
from .monitors import ReduceOnPlateau as ReduceOnPlateau
from .optimizer.optimizer import Optimizer as Optimizer
from .studies.range_test import RangeTest as RangeTest
from .studies.range_test import lr_find as lr_find
from .studies.sweep import Sweep as Sweep
from .studies.sweep import sweep as sweep
from .trees.attributes import attributes as attributes
from .updater.loss_scale import LossScaler as LossScaler
from .updater.sparsity_factor import SparsityFactor as SparsityFactor
from .updater.sync import SyncReport as SyncReport

__version__: str

_Number = float | Callable[[int], float]
'''


def stub() -> str:
    """The text of the stub file."""
    return HEAD.format(doc=fastopt.__doc__) + "".join(_class(name, made) for name, made in CLASSES.items())


def _class(name: str, made: type) -> str:
    lines = (inspect.cleandoc(made.__doc__ or "")).splitlines()
    doc = "\n".join(f"    {line}".rstrip() for line in [f'"""{lines[0]}', *lines[1:], '"""'])
    parameters = inspect.signature(made.__init__).parameters.values()  # type: ignore[misc]
    keywords = [_keyword(one) for one in parameters if one.kind is one.KEYWORD_ONLY]
    arguments = "".join(f"        {text},\n" for text in ["self", "params: Any", "*", *keywords])
    return f"\nclass {name}(Optimizer):\n{doc}\n\n    def __init__(\n{arguments}    ) -> None: ...\n"


def _keyword(parameter: inspect.Parameter) -> str:
    default: Any = parameter.default
    if parameter.annotation is not parameter.empty:
        kind = inspect.formatannotation(parameter.annotation).replace("collections.abc.", "").replace("typing.", "")
        kind = kind.replace("fastopt.updater.loss_scale.", "")
    elif default is None and parameter.name in NUMBERS:
        kind = "_Number | None"
    else:
        kind = type(default).__name__ if isinstance(default, bool | str) else "_Number"
    written = "..." if isinstance(default, float) and math.isinf(default) else repr(default)
    return f"{parameter.name}: {kind} = {written}"

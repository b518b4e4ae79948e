"""What the README shows runs, and its tables are those of the rules and of the result files."""

import importlib.util
import re
from typing import Any

from examples import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_of_the_readme_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 3
    namespace: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    assert namespace["opt"].t == 1


def test_the_tables_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.generated(README) == README, "run python docs/generate.py"
    assert "`adamw_amsgrad`" in README


def test_the_two_commands_come_first_and_ci_runs_the_second() -> None:
    (block, *_) = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    clone, cd, train, tests = block.strip().splitlines()
    assert (clone.split()[:2], cd.split()[0]) == (["git", "clone"], "cd")
    assert train.endswith(".venv/bin/fastopt train")
    assert tests in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()

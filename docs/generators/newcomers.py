"""The page on newcomers.

Run as a program it makes the runs of newcomer_runs.py, some 20 minutes of them, and writes newcomers.json.
"""

import json
from pathlib import Path
from typing import Any

HERE, PAGES = Path(__file__).parent, Path(__file__).parents[1]


if __name__ == "__main__":
    import newcomer_runs

    result: dict[str, Any] = {}
    for name in ("digits", "diabetes", "words"):
        result[name] = newcomer_runs.measured(name)
        (HERE / "newcomers.json").write_text(json.dumps(result, indent=1) + "\n")

"""Fresh processes of this Python, for what can be measured once in each."""

import os
import subprocess
import sys
from pathlib import Path


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh process of this Python, with its output; raises if it fails."""
    whole = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), **environment}
    return subprocess.run([sys.executable, *arguments], env=whole, capture_output=True, text=True, check=True)

"""Our optimizers inside torch's ZeroRedundancyOptimizer, on two processes with gloo."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from examples import ROOT

pytestmark = pytest.mark.peers


def test_two_processes_share_the_state(tmp_path: Path) -> None:
    pytest.importorskip("torch.distributed.optim")
    ranks = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "support" / "zero_rank.py"), str(rank), str(tmp_path)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    done = [one.communicate(timeout=300) for one in ranks]
    assert [out.strip() for out, _ in done] == ["rank 0 done", "rank 1 done"], done

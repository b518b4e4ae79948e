"""`fastopt bench`, run in this process."""

import pytest

from fastopt.cli import main


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `fastopt bench`."""
    with pytest.raises(SystemExit) as stopped:
        main(["bench", *arguments])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err

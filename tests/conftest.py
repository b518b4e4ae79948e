"""Two threads everywhere, so that the parallel kernels run on a machine with one core too."""

import os

os.environ.setdefault("NUMBA_NUM_THREADS", "2")

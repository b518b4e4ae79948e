"""The clock of steps that a GPU takes by itself, as CUDA C++: it begins a step, hears what stops one, and counts."""

# The threads of the single block of a kernel beside the arrays.
THREADS = 1024
# The words of a clock: what has stopped it for good, what this step does, how many steps were applied and skipped.
STOPPED, DOES, APPLIED, SKIPPED = range(4)
CLOCK = 4
# What stops a clock: the table has no more steps; a division by zero.
PAST_THE_END, ZERO = 1, 2
# What a step does: it writes, it is skipped, it stops there.
WRITE, SKIP, STOP = 1, 0, -1
# These names again, for people who read the kernel.
MEANINGS = f"""\
enum word {{ STOPPED = {STOPPED}, DOES = {DOES}, APPLIED = {APPLIED}, SKIPPED = {SKIPPED} }};
enum reason {{ PAST_THE_END = {PAST_THE_END}, ZERO = {ZERO} }};
enum deed {{ WRITE = {WRITE}, SKIP = {SKIP}, STOP = {STOP} }};
"""


def begun() -> list[str]:
    """Statements for one thread that begin a step. Repeated they change nothing: a guard follows from a stage."""
    return [
        "if (steps && !clock[STOPPED] && clock[APPLIED] >= steps) *notice = clock[STOPPED] = PAST_THE_END;",
        "clock[DOES] = clock[STOPPED] ? STOP : WRITE;",
    ]


def heard(last: bool) -> list[str]:
    """Statements for one thread that tell the clock of a rule's numbers: a zero stops it, whatever others skip.

    last: whether the guard is known.
    """
    lines = ["if (zero_divided) *notice = clock[STOPPED] = ZERO, clock[DOES] = STOP;"]
    return [*lines, "else if (skipped) clock[DOES] = SKIP;"] if last else lines


def counted() -> list[str]:
    """Statements for one thread that count the step, once all rules were heard."""
    return ["if (clock[DOES] == WRITE) clock[APPLIED]++;", "if (clock[DOES] == SKIP) clock[SKIPPED]++;"]


def carried_on(many: str) -> list[str]:
    """Statements for all threads that keep the new states of a step that counts. many: how many numbers these are."""
    return [
        f"for (long long k = threadIdx.x; k < {many} && clock[DOES] == WRITE; k += {THREADS})",
        f"    carried[k] = carried[{many} + k];",
    ]

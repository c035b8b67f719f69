"""checks.py: the Python tests' whole test library, as test.h is the C tests': a check that counts, says what differs, and goes on."""

counted = {True: 0, False: 0}


def check(condition, what):
    counted[bool(condition)] += 1
    if not condition:
        print("FAILED:", what)
    return bool(condition)


def end():
    """The line that build.sh adds up, and the exit code: nothing checked is a failure, too."""
    print(f"{counted[True]} passed, {counted[False]} failed")
    return 1 if counted[False] or not counted[True] else 0

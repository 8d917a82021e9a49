"""What is asked just before a call's first byte, in tests that are about something else."""


def always() -> bool:
    """The call may still be placed."""
    return True


def never() -> bool:
    """It may not any more."""
    return False

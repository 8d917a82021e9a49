"""What takes too long for every run of the suite."""

import os

# Fourteen drills, some twenty minutes; by hand, whenever the drill or what it proves was changed.
collect_ignore = [] if os.environ.get("OUTDIAL_ALL_MUTANTS") else ["test_drill_mutants.py"]

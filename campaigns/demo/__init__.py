"""The demonstration: one campaign end to end on servers of its own, audited at the end.

people   who is called: generated recipients, in open and in closed hours
run      the stack, the campaign, the waiting
carrier  the simulated carrier's own call log, the independent witness
audit    the books against the witness; every broken promise is a number that is not zero
"""

from campaigns.demo.audit import Audit
from campaigns.demo.run import DemoOptions, DemoRun

__all__ = ["Audit", "DemoOptions", "DemoRun"]

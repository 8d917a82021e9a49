"""The demonstration: one campaign end to end on servers of its own, audited at the end.

people  who is called: generated recipients, in open and in closed hours
run     the stack, the campaign, the waiting
audit   the report; every broken promise is a number that is not zero

The carrier's own log and what it is compared with are in `campaigns.proving`.
"""

from campaigns.demo.audit import Audit
from campaigns.demo.run import DemoOptions, DemoRun

__all__ = ["Audit", "DemoOptions", "DemoRun"]

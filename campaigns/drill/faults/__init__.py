"""Every kind of fault a drill throws, by name and group.

A fault is a function that begins it, arranges for its end, and says in a few words what it did;
None when there was nothing to do it to, and then it does not count as fired.
"""

from campaigns.drill.faults import carrier, machine, processes, servers
from campaigns.drill.faults.registry import FAULTS, Fault
from campaigns.drill.faults.servers import CARRIER_LATENCY

__all__ = ["CARRIER_LATENCY", "FAULTS", "Fault", "carrier", "machine", "processes", "servers"]

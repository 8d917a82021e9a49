"""The drill: a private stack whose every part is killed, frozen, cut off and lied to.

options    what is asked for
stage      the stack, with a handle on everything that can fail
proxy      TCP proxies before PostgreSQL, Redis, the carrier and the web processes
clocks     moving the database's clock
world      accounts, campaigns and people
faults     what is done to processes, servers, lines and clocks, and what the carrier does
operators  what people do at the worst instants
messages   what arrives that should not
plan       which fault when, by the seed
checks     the invariants, against rows, logs and the carrier's own log
run        all of it in order
"""

from campaigns.drill.options import DrillOptions
from campaigns.drill.plan import groups
from campaigns.drill.run import Report, drill

__all__ = ["DrillOptions", "Report", "drill", "groups"]

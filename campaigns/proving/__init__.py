"""Proving: what was dialled, checked again, from the rows and against the carrier's own log.

carrier          the simulated carrier's call log, the independent witness
witness          the books against that log, used by the demonstration and the drill as well
against_carrier  what the witness proves, as proofs
database         every promise that the rows alone can prove, over all of them
"""

from campaigns.proving.against_carrier import prove_against_carrier
from campaigns.proving.database import prove_database
from campaigns.proving.proof import Proof

__all__ = ["Proof", "prove_against_carrier", "prove_database"]

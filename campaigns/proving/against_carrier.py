"""That the books equal the carrier's log, for the simulated carrier that keeps one."""

from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import Engine

from campaigns.db import transaction
from campaigns.errors import Unavailable
from campaigns.proving import witness
from campaigns.proving.carrier import CarrierLog, Dial
from campaigns.proving.proof import Proof
from campaigns.store import evidence, proofs
from campaigns.vault import Vault

# A call that ended this lately may still be on its way into the books.
SETTLED = timedelta(seconds=10)


def prove_against_carrier(engine: Engine, vault: Vault) -> list[Proof]:
    """Every promise that a carrier's log can prove, for all accounts that are not live.

    The log is read before the books, so that no call is missing in them for being too new. Raises
    `Unavailable` when a carrier does not answer.
    """
    with transaction(engine) as session:
        addresses = evidence.simulator_addresses(session)
    dials = [dial for address in addresses for dial in _log_of(address)]
    with transaction(engine) as session:
        proofs.begin_proving(session)
        attempts = evidence.booked_attempts(session)
        opt_outs = evidence.opt_outs_in_force(session)
    over = datetime.now(UTC) - SETTLED
    ended = [dial for dial in dials if dial.ended_at is not None and dial.ended_at < over]
    return [
        Proof("carrier_once", "the carrier saw each attempt once, and never two calls to a number"
              " at a time", len(dials)).blame(witness.duplicates(dials)),
        Proof("carrier_founded", "every dial has its claim, every call in the books was dialled",
              len(dials)).blame(witness.unfounded(attempts, dials, vault)),
        Proof("carrier_agrees", "the books tell every call's end as the carrier does",
              len(ended)).blame(witness.disagreements(attempts, ended, vault)),
        Proof("carrier_opt_outs", "no dial reached the carrier after the number's opt-out",
              len(dials)).blame(witness.dials_after_opt_out(dials, opt_outs)),
        Proof("carrier_keys", "whoever pressed 9 at the carrier is on the list of opt-outs",
              sum("9" in dial.keys for dial in ended)
              ).blame(witness.lost_keypresses(ended, opt_outs)),
    ]  # fmt: skip


def _log_of(address: str) -> list[Dial]:
    log = CarrierLog(address)
    try:
        return log.dials()
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise Unavailable(
            f"The carrier at {address} shows no call log ({type(error).__name__}). Only the "
            "simulator has one; is it running?"
        ) from error
    finally:
        log.close()

"""Put on PYTHONPATH of a drill's processes: gives the product one defect, named by OUTDIAL_MUTANT.

Nothing of this is in the product. Each function is one defect; it is applied when the module it
concerns has been imported, so that starting a process costs no more than usual.
"""

import importlib.abc
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any


def no_fencing(dispatch: Any) -> None:
    """Whoever led once goes on leading: the lease is renewed whatever its holder and term."""
    from sqlalchemy import text

    def renew_lease(session: Any, holder: str, term: int, seconds: float) -> bool:
        session.execute(
            text("UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => :s)"),
            {"s": seconds},
        )
        return True

    dispatch.renew_lease = renew_lease


def late_ack(hints: Any) -> None:
    """Messages are acknowledged after the work, and delivered again when a worker is lost."""
    settings = hints.celery_settings

    def celery_settings(broker_url: str) -> dict[str, Any]:
        changed = {"task_acks_late": True, "task_reject_on_worker_lost": True}
        return dict(settings(broker_url)) | changed

    hints.celery_settings = celery_settings


def plain_transport(broker: Any) -> None:
    """And with kombu's own transport: ours survives the connection that is gone under them."""
    broker.transport_for = lambda broker_url: None


def publish_before_commit(dispatcher: Any) -> None:
    """Hints are sent while the tick's transaction is open, which then takes a moment to commit."""
    import time

    from campaigns import hints

    ticked, begin = dispatcher.tick, hints.HintPublisher.__init__
    publishers: list[Any] = []

    def remember(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        publishers.append(self)

    def tick(*args: Any, **kwargs: Any) -> Any:
        report = ticked(*args, **kwargs)
        for batch in report.batches:
            publishers[0].dial(batch)
        if report.batches:
            time.sleep(0.05)
            report.batches.clear()
        return report

    hints.HintPublisher.__init__ = remember  # type: ignore[method-assign]
    dispatcher.tick = tick


def no_rank_guard(recording: Any) -> None:
    """Every event is applied, whatever came before it."""
    recording.moves_forward = lambda old, new: True


def post_repeated(http: Any) -> None:
    """A POST without an answer is sent again."""
    exchange = http.exchange

    def twice(*args: Any, **kwargs: Any) -> Any:
        try:
            return exchange(*args, **kwargs)
        except http.NoAnswer:
            return exchange(*args, **{**kwargs, "still": None})

    http.exchange = twice


def doubt_is_failure(recording: Any) -> None:
    """Without an answer there was no call, it is thought, and the person is due again."""
    from dataclasses import replace

    record = recording.record_answer

    def record_answer(session: Any, attempt: int, worker: str, answer: Any, now: Any) -> Any:
        if answer.answer is recording.Answer.IN_DOUBT:
            answer = replace(answer, answer=recording.Answer.NOT_SENT)
        return record(session, attempt, worker, answer, now)

    recording.record_answer = record_answer


def keys_forgotten(stopping: Any) -> None:
    """Whoever presses 9 hears that they will not be called again, and that is all."""
    stopping.opt_out_number = lambda *args, **kwargs: []


def claim_rewritten(*replaced: tuple[str, str]) -> Any:
    """A defect of the claim, which is a function in the database."""

    def spoil(migrations: Any) -> None:
        upgraded = migrations.upgrade

        def upgrade(engine: Any, revision: str = "head") -> None:
            upgraded(engine, revision)
            with engine.begin() as connection:
                ask = connection.exec_driver_sql
                claim = ask("SELECT pg_get_functiondef('claim_attempts'::regproc)").scalar()
                for before, after in replaced:
                    assert before in claim or after in claim, f"no {before!r} in the claim"
                    claim = claim.replace(before, after)
                ask(claim.replace("%", "%%"))

        migrations.upgrade = upgrade

    return spoil


no_opt_out_check = claim_rewritten(
    ("NOT opted_out(r.numbers, a.campaign_id, claimed)", "claimed IS NOT NULL")
)

_LOCK = "pg_advisory_xact_lock_shared(7420001)"
lock_and_gate_in_one = claim_rewritten(
    (f"PERFORM {_LOCK};", "PERFORM 1;"),
    ("WITH mine AS (", f"WITH gate AS MATERIALIZED (SELECT {_LOCK} AS held), mine AS ("),
    ("FROM attempts a, campaigns c,", "FROM gate, attempts a, campaigns c,"),
    ("WHERE a.id = ANY (p_ids)", "WHERE gate.held IS NOT NULL AND a.id = ANY (p_ids)"),
)
campaign_not_asked = claim_rewritten(("c.status = 'running'", "c.status IS NOT NULL"))


def numbers_not_held(attempts: Any) -> None:
    """Nobody shares a telephone, it is thought."""
    attempts.hold_numbers = lambda session, ids, numbers: set(ids)


def slots_at_once(pacing: Any) -> None:
    """Whoever is due has a slot at once."""
    from datetime import timedelta

    pacing.spacing = lambda cps: timedelta(microseconds=1)


def no_distance(dialer: Any) -> None:
    """And what is claimed goes out at once."""
    dialer.PERIOD_OF_RATE = 0.00001


def always_open(hours: Any) -> None:
    """Hours are a matter of the import: whoever is in the list may be called now."""
    from datetime import UTC, datetime, timedelta

    def open_keys(self: Any, _campaign: Any) -> dict[int, Any]:
        return dict.fromkeys(self._places, datetime.now(UTC) + timedelta(days=1))

    hours.OpenHours.open_keys = open_keys


def no_quarantine(sweeping: Any) -> None:
    """A call that is not in the provider's log yet does not exist."""
    rules = sweeping.SweepRules
    sweeping.SweepRules = lambda **_given: rules(quarantine=0.0)


# Each defect: the modules it is in, and what is done to them.
MUTANTS: dict[str, dict[str, Any]] = {
    "no_fencing": {"campaigns.store.dispatch": no_fencing},
    "late_ack": {"campaigns.hints": late_ack, "workers.broker": plain_transport},
    "publish_before_commit": {"campaigns.dispatcher": publish_before_commit},
    "no_rank_guard": {"campaigns.recording": no_rank_guard},
    "post_repeated": {"campaigns.providers.http": post_repeated},
    "doubt_is_failure": {"campaigns.recording": doubt_is_failure},
    "keys_forgotten": {"campaigns.stopping": keys_forgotten},
    "no_opt_out_check": {"campaigns.migrations": no_opt_out_check},
    "lock_and_gate_in_one": {"campaigns.migrations": lock_and_gate_in_one},
    "campaign_not_asked": {"campaigns.migrations": campaign_not_asked},
    "numbers_not_held": {"campaigns.store.attempts": numbers_not_held},
    "no_slots": {"campaigns.pacing": slots_at_once, "campaigns.dialing.dialer": no_distance},
    "always_open": {"campaigns.dispatcher.hours": always_open},
    "no_quarantine": {"campaigns.sweeping": no_quarantine},
}


class _Spoiler(importlib.abc.MetaPathFinder):
    """Finds one module as everybody does, and spoils it when it has been executed."""

    def __init__(self, module: str, spoil: Any) -> None:
        self._module, self._spoil = module, spoil

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> Any:
        if name != self._module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def exec_and_spoil(module: ModuleType) -> None:
            execute(module)
            self._spoil(module)

        spec.loader.exec_module = exec_and_spoil  # type: ignore[method-assign]
        return spec


if chosen := os.environ.get("OUTDIAL_MUTANT"):
    for spoiled, how in MUTANTS[chosen].items():
        sys.meta_path.insert(0, _Spoiler(spoiled, how))

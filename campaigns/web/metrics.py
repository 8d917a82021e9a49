"""Metrics for Prometheus: every value a query at the time it is asked for, none kept in memory."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns import reporting
from campaigns.db import database_now, transaction
from campaigns.lifecycle import AttemptStatus, Disposition, RecipientStatus
from campaigns.reporting import read_one_snapshot
from campaigns.store import dispatch, health, signs
from campaigns.store.health import AttemptTotal
from campaigns.web.dependencies import require_page_host
from campaigns.web.glances import glances_of

router = APIRouter(include_in_schema=False)

_LIVE = frozenset({AttemptStatus.DIALING, AttemptStatus.RINGING, AttemptStatus.IN_PROGRESS})


class _Collector:
    """Counts when it is asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Every metric, as of one instant."""
        with transaction(self._engine) as session:
            read_one_snapshot(session)
            now = database_now(session)
            metrics = [
                _recipients(session),
                *_attempts(health.all_attempts(session)),
                _heartbeats(session, now),
                _silence(session),
                *_leader(session, now),
                *_accounts(session, now),
            ]
        yield from metrics


@router.get("/metrics", dependencies=[Depends(require_page_host)])
def metrics(request: Request) -> Response:
    """Everything worth an alarm, in Prometheus' text format."""

    def count() -> bytes:
        registry = CollectorRegistry()
        registry.register(_Collector(request.app.state.engine))
        return generate_latest(registry)

    body = glances_of(request.app).at("metrics", count)
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _recipients(session: Session) -> Metric:
    found = health.all_recipients_by_status(session)
    gauge = GaugeMetricFamily(
        "outdial_recipients", "Recipients of all campaigns by status.", labels=["status"]
    )
    for status in RecipientStatus:
        gauge.add_metric([status.value], found.get(status.value, 0))
    return gauge


def _attempts(totals: list[AttemptTotal]) -> Iterator[Metric]:
    statuses: Counter[str] = Counter({status.value: 0 for status in AttemptStatus})
    endings: Counter[str] = Counter({ending.value: 0 for ending in Disposition})
    cancels: Counter[str] = Counter({"late_slot": 0})
    for total in totals:
        statuses[total.status] += total.attempts
        if total.disposition is not None:
            endings[total.disposition] += total.attempts
        if total.cancel_reason is not None:
            cancels[total.cancel_reason] += total.attempts
    yield _gauge("outdial_attempts", "Attempts by status.", "status", statuses)
    yield _gauge("outdial_dispositions", "Attempts by how they ended.", "disposition", endings)
    yield _gauge("outdial_cancels", "Attempts that placed no call, by reason.", "reason", cancels)
    missed = CounterMetricFamily("outdial_slots_missed", "Slots that passed without a call.")
    missed.add_metric([], cancels["late_slot"])
    yield missed
    live = sum(statuses[status.value] for status in _LIVE)
    yield GaugeMetricFamily("outdial_live_calls", "Calls that may be alive now.", value=live)
    doubt = sum(total.in_doubt for total in totals)
    yield GaugeMetricFamily(
        "outdial_in_doubt",
        "Attempts that may or may not be a call.",
        value=doubt,
    )


def _gauge(name: str, told: str, label: str, counts: Counter[str]) -> Metric:
    gauge = GaugeMetricFamily(name, told, labels=[label])
    for value, count in counts.items():
        gauge.add_metric([value], count)
    return gauge


def _heartbeats(session: Session, now: datetime) -> Metric:
    gauge = GaugeMetricFamily(
        "outdial_heartbeat_age_seconds",
        "Since the last sign of life of a process, or of the public URL's probe.",
        labels=["kind", "name", "ready"],
    )
    for name, kind, at, ready, _ in dispatch.heartbeats(session):
        gauge.add_metric([kind, name, str(ready).lower()], max((now - at).total_seconds(), 0.0))
    return gauge


def _silence(session: Session) -> Metric:
    gauge = GaugeMetricFamily(
        "outdial_silent_seconds",
        "Since a worker last took anything from its queue, pings included.",
        labels=["kind", "name"],
    )
    for sign in signs.signs_of_life(session):
        if "silent_seconds" in sign.detail:
            gauge.add_metric([sign.kind, sign.name], sign.detail["silent_seconds"] + sign.age)
    return gauge


def _leader(session: Session, now: datetime) -> Iterator[Metric]:
    lease = health.scheduler_lease(session)
    leads = lease is not None and lease[1] is not None and lease[1] > now
    gauge = GaugeMetricFamily(
        "outdial_scheduler_leads", "1 while a scheduler holds the lease.", labels=["holder"]
    )
    gauge.add_metric([lease[0] if lease is not None and leads else ""], float(leads))
    yield gauge
    enabled = float(dispatch.dialing_enabled(session))
    yield GaugeMetricFamily("outdial_dialing_enabled", "The kill switch.", value=enabled)


def _accounts(session: Session, now: datetime) -> Iterator[Metric]:
    rate = GaugeMetricFamily(
        "outdial_account_cps", "Calls per second that an account may start now.", labels=["account"]
    )
    full = GaugeMetricFamily(
        "outdial_account_full_cps", "The same while nothing lowers it.", labels=["account"]
    )
    paused = GaugeMetricFamily(
        "outdial_caller_ids_paused", "Caller ids that are not shown.", labels=["account"]
    )
    for one in reporting.list_accounts(session):
        rate.add_metric([one.name], one.cps_at(now) if one.status == "active" else 0.0)
        full.add_metric([one.name], one.cps)
        paused.add_metric([one.name], sum(n.status == "paused" for n in one.numbers))
    yield from (rate, full, paused)

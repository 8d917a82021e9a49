"""What reports count: tallies, and bounded look-ups by index. Nothing here changes anything.

No statement reads more rows for ten million recipients than for ten thousand.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.store.tallies import Tally, read_tallies

# What a campaign's counts are made of, and what a full report is.
COUNTS = ("recipients", "zones", "attempts", "answers", "latest")
REPORT = (*COUNTS, "hours", "minutes")
# How many rows of the ten minutes in which a window opens, or in which it is now, are counted one
# by one from either end. Only if there are more at both ends is their split an estimate.
COUNTED_ONE_BY_ONE = 100


@dataclass(frozen=True, slots=True)
class AttemptGroup:
    """Attempts of one campaign that stand alike."""

    status: str
    disposition: str | None
    cancel_reason: str | None
    attempts: int
    spent: int
    in_doubt: int
    ever_in_doubt: int
    refused: int
    rang: int
    answered: int


@dataclass(frozen=True, slots=True)
class HourCount:
    """One UTC hour of slots: how many were given, and what came of them."""

    hour: datetime
    attempts: int
    calls: int
    answered: int
    cancelled: int
    dispositions: dict[str, int]


@dataclass(frozen=True, slots=True)
class AnswerCount:
    """One key with its meaning, and how many people pressed it: ever, and as their last word."""

    digit: str
    meaning: str
    presses: int
    latest: int


@dataclass(frozen=True, slots=True)
class WaitingZone:
    """Pending recipients of one campaign under one zone key, first calls or retries.

    `early` are due by now, or, under a `closed` key, before it opens; `late` after that, the first
    at `first_late`. Not `exact`: the two were told apart by an estimate within ten minutes.
    """

    campaign_id: int
    zone_key: int
    retry: bool
    closed: bool
    early: int
    late: int
    first_late: datetime | None
    exact: bool


class Counted:
    """One campaign's tallies, as the numbers that reports show."""

    def __init__(self, tallies: Iterable[Tally] = ()) -> None:
        self._tallies: dict[str, list[tuple[list[str], int]]] = {}
        for one in tallies:
            self._tallies.setdefault(one.tally, []).append((one.key, one.n))

    def _of(self, tally: str) -> list[tuple[list[str], int]]:
        return self._tallies.get(tally, [])

    def people_by_status(self) -> dict[str, int]:
        """How many recipients have which status."""
        counts: Counter[str] = Counter()
        for (status, _, _), people in self._of("recipients"):
            counts[status] += people
        return dict(counts)

    def called_before(self, *statuses: str) -> int:
        """How many recipients with any of these statuses have had a call that counts."""
        return sum(
            people
            for (status, called, _), people in self._of("recipients")
            if called == "true" and status in statuses
        )

    def reasons(self) -> dict[str, dict[str, int]]:
        """Per status, the reasons that recipients stand there for and how many share each."""
        counts: dict[tuple[str, str], int] = Counter()
        for (status, _, reason), people in self._of("recipients"):
            counts[status, reason] += people
        found: dict[str, dict[str, int]] = {}
        for (status, reason), people in sorted(
            counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1])
        ):
            if reason and people:
                found.setdefault(status, {})[reason] = people
        return found

    def zone_keys(self) -> list[int]:
        """The zone keys under which anybody waits."""
        return sorted({int(key[0]) for key, people in self._of("zones") if people > 0})

    def attempt_groups(self) -> list[AttemptGroup]:
        """Every attempt, counted by how it stands.

        Refused are those the provider said no to before there was a call: an answer about the
        number, about the account, or that it had no room.
        """
        groups = []
        for key, n in self._of("attempts"):
            status, disposition, cancel_reason, spent, doubt, refused, reach = key
            live = status in ("dialing", "ringing", "in_progress")
            groups.append(
                AttemptGroup(
                    status=status,
                    disposition=disposition or None,
                    cancel_reason=cancel_reason or None,
                    attempts=n,
                    spent=n if spent == "true" else 0,
                    in_doubt=n if doubt == "true" and live else 0,
                    ever_in_doubt=n if doubt == "true" else 0,
                    refused=n if refused == "true" else 0,
                    rang=n if reach else 0,
                    answered=n if reach == "answered" else 0,
                )
            )
        return groups

    def live_calls(self) -> dict[str, int]:
        """The attempts that may have somebody on the phone now, by status."""
        counts: Counter[str] = Counter()
        for key, n in self._of("attempts"):
            if key[0] in ("dialing", "ringing", "in_progress"):
                counts[key[0]] += n
        return dict(counts)

    def hours(self) -> list[HourCount]:
        """Attempts by the UTC hour of their slots, oldest first."""
        hours: dict[str, list[tuple[str, bool, int]]] = {}
        for (hour, outcome, answered), n in self._of("hours"):
            hours.setdefault(hour, []).append((outcome, answered == "true", n))
        return [_hour(hour, parts) for hour, parts in sorted(hours.items())]

    def answers(self) -> list[AnswerCount]:
        """The keys pressed: how often ever, and how often as a recipient's last word."""
        latest = {tuple(key): n for key, n in self._of("latest")}
        return [
            AnswerCount(key[0], key[1], presses, latest.get(tuple(key), 0))
            for key, presses in self._of("answers")
        ]

    def calls_per_minute(self) -> dict[datetime, int]:
        """Calls begun in each of the last hours' UTC minutes that had any."""
        return {
            datetime.fromisoformat(f"{key[0]}:00+00:00"): n for key, n in self._of("minutes") if n
        }


def _hour(hour: str, parts: Sequence[tuple[str, bool, int]]) -> HourCount:
    dispositions: Counter[str] = Counter()
    for outcome, _, n in parts:
        if outcome not in ("queued", "cancelled", "live"):
            dispositions[outcome] += n
    calls = [part for part in parts if part[0] not in ("queued", "cancelled")]
    return HourCount(
        hour=datetime.fromisoformat(f"{hour}:00:00+00:00").astimezone(UTC),
        attempts=sum(n for _, _, n in parts),
        calls=sum(n for _, _, n in calls),
        answered=sum(n for _, answered, n in calls if answered),
        cancelled=sum(n for outcome, _, n in parts if outcome == "cancelled"),
        dispositions=dict(dispositions),
    )


def read_one_snapshot(session: Session) -> None:
    """Let every query of this transaction see the same instant, so that sums add up.

    Must be the transaction's first statement. Nothing can be written in it afterwards.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


def counted(
    session: Session, ids: Sequence[int], tallies: Sequence[str] = COUNTS
) -> dict[int, Counted]:
    """These tallies of these campaigns, by campaign."""
    return by_campaign(ids, read_tallies(session, ids, tallies))


def by_campaign(ids: Iterable[int], tallies: Iterable[Tally]) -> dict[int, Counted]:
    """Tallies as each campaign's numbers; of zeros where there are none."""
    parts: dict[int, list[Tally]] = {campaign_id: [] for campaign_id in ids}
    for one in tallies:
        parts[one.campaign_id].append(one)
    return {campaign_id: Counted(mine) for campaign_id, mine in parts.items()}


# The count of ten minutes is a tally; within those that `until` falls into, rows are counted from
# the beginning, and if they are many from the end, each up to a limit.
WAITING_SQL = """
    WITH zones AS (
        SELECT i.campaign_id, parts.key, CAST(parts.key[1] AS integer) AS zone_key,
               CAST(parts.key[2] AS boolean) AS retry, CAST(sum(parts.n) AS bigint) AS people
        FROM unnest(CAST(:ids AS bigint[])) AS i (campaign_id)
        CROSS JOIN LATERAL (
            (SELECT key, n FROM campaign_tallies t
             WHERE t.campaign_id = i.campaign_id AND t.tally = 'zones' OFFSET 0)
            UNION ALL
            (SELECT key, n FROM tally_deltas d
             WHERE d.campaign_id = i.campaign_id AND d.tally = 'zones' OFFSET 0)
        ) parts
        GROUP BY i.campaign_id, parts.key HAVING sum(parts.n) > 0
    ), asked AS (
        SELECT z.*, c.zone_key IS NOT NULL AS closed,
            CASE WHEN c.zone_key IS NULL THEN CAST(:now AS timestamptz)
                 ELSE coalesce(c.opens_at, 'infinity') END AS until
        FROM zones z
        LEFT JOIN unnest(CAST(:closed_in AS bigint[]), CAST(:closed_keys AS integer[]),
                         CAST(:opens AS timestamptz[])) AS c (campaign_id, zone_key, opens_at)
            ON c.campaign_id = z.campaign_id AND c.zone_key = z.zone_key
    ), slices AS (
        SELECT a.*, CASE WHEN isfinite(a.until)
                 THEN date_bin('10 minutes', a.until, '2000-01-01 00:00:00+00') END AS begins,
            CASE WHEN isfinite(a.until)
                 THEN left(to_char(a.until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI'), 15)
                 ELSE '9999' END COLLATE "C" AS slice
        FROM asked a
    ), split AS (
        SELECT h.*, s.before, s.within
        FROM slices h CROSS JOIN LATERAL (
            SELECT CAST(coalesce(sum(n) FILTER (WHERE w.key[3] < h.slice), 0) AS bigint) AS before,
                   CAST(coalesce(sum(n) FILTER (WHERE w.key[3] = h.slice), 0) AS bigint) AS within
            FROM (
                (SELECT t.key, t.n FROM campaign_tallies t
                 WHERE t.campaign_id = h.campaign_id AND t.tally = 'waiting'
                   AND t.key > h.key AND t.key <= (h.key || h.slice) COLLATE "C" OFFSET 0)
                UNION ALL
                (SELECT d.key, d.n FROM tally_deltas d
                 WHERE d.campaign_id = h.campaign_id AND d.tally = 'waiting'
                   AND d.key > h.key AND d.key <= (h.key || h.slice) COLLATE "C" OFFSET 0)
            ) w
        ) s
    ), headed AS (
        SELECT s.*, CASE WHEN s.within <= 0 THEN 0 ELSE (
            SELECT count(*) FROM (
                SELECT FROM recipients r
                WHERE r.campaign_id = s.campaign_id AND r.zone_key = s.zone_key
                  AND r.retry = s.retry AND r.status = 'pending'
                  AND r.next_attempt_at >= s.begins AND r.next_attempt_at <= s.until
                ORDER BY r.next_attempt_at LIMIT :limit) one) END AS head
        FROM split s
    ), tailed AS (
        SELECT h.*, CASE WHEN h.head < :limit THEN 0 ELSE (
            SELECT count(*) FROM (
                SELECT FROM recipients r
                WHERE r.campaign_id = h.campaign_id AND r.zone_key = h.zone_key
                  AND r.retry = h.retry AND r.status = 'pending'
                  AND r.next_attempt_at > h.until
                  AND r.next_attempt_at < h.begins + interval '10 minutes'
                ORDER BY r.next_attempt_at LIMIT :limit) one) END AS tail
        FROM headed h
    ), told AS (
        SELECT t.*, t.before + CASE
            WHEN t.head < :limit THEN t.head
            WHEN t.tail < :limit THEN t.within - t.tail
            ELSE CAST(t.within * extract(epoch FROM t.until - t.begins) / 600 AS bigint)
            END AS early
        FROM tailed t
    )
    SELECT t.campaign_id, t.zone_key, t.retry, t.closed, t.early, t.people - t.early AS late,
        CASE WHEN t.people > t.early THEN (
            SELECT r.next_attempt_at FROM recipients r
            WHERE r.campaign_id = t.campaign_id AND r.zone_key = t.zone_key
              AND r.retry = t.retry AND r.status = 'pending' AND r.next_attempt_at > t.until
            ORDER BY r.next_attempt_at LIMIT 1) END AS first_late,
        t.head < :limit OR t.tail < :limit AS exact
    FROM told t ORDER BY t.campaign_id, t.zone_key, t.retry
"""

# Per campaign, the zone keys closed now and when each opens; None: not in sight.
Closed = Mapping[int, Mapping[int, datetime | None]]


def waiting_values(ids: Sequence[int], now: datetime | None, closed: Closed) -> dict[str, object]:
    """The parameters of `WAITING_SQL`."""
    flat = [(one, key, at) for one, keys in closed.items() for key, at in keys.items()]
    return {
        "ids": list(ids),
        "now": now,
        "closed_in": [one for one, _, _ in flat],
        "closed_keys": [key for _, key, _ in flat],
        "opens": [at for _, _, at in flat],
        "limit": COUNTED_ONE_BY_ONE,
    }


def waiting_recipients(
    session: Session, ids: Sequence[int], now: datetime, closed: Closed
) -> list[WaitingZone]:
    """Who is pending in these campaigns, and how many of them are due by now.

    Somebody under a closed key who is due before it opens waits for that.
    """
    rows = session.execute(text(WAITING_SQL), waiting_values(ids, now, closed))
    return [WaitingZone(*row) for row in rows]


LAST_MINUTE_SQL = """
    SELECT i.campaign_id, c.calls
    FROM unnest(CAST(:ids AS bigint[])) AS i (campaign_id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS calls FROM attempts a
        WHERE a.campaign_id = i.campaign_id AND a.status NOT IN ('queued', 'cancelled')
          AND a.slot_at > CAST(:now AS timestamptz) - interval '2 minutes'
          AND a.claimed_at > CAST(:now AS timestamptz) - interval '1 minute'
    ) c
    WHERE c.calls > 0
"""


def calls_in_last_minute(session: Session, ids: Sequence[int], now: datetime) -> dict[int, int]:
    """Per campaign, the calls begun within the minute before `now`."""
    rows = session.execute(text(LAST_MINUTE_SQL), {"ids": list(ids), "now": now})
    return {row[0]: row[1] for row in rows}

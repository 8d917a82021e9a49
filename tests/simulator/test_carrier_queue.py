"""The provider's own queue: so many calls a second, in order, and not without end."""

from datetime import datetime

BUSY = "+12125550185"


def test_calls_beyond_the_rate_wait_in_order(carrier, product):
    carrier.knobs(cps=20.0)
    for n in range(12):
        assert carrier.dial(f"+1212555{n:02}85", product).status_code == 200
    for n in range(12):
        carrier.row_when(lambda row: row["dialled_at"], n)
    dialled = [datetime.fromisoformat(row["dialled_at"]) for row in carrier.rows()]
    assert dialled == sorted(dialled)
    assert (dialled[-1] - dialled[0]).total_seconds() > 9 / 20  # a clock may round


def test_a_full_queue_refuses(carrier, product):
    carrier.knobs(cps=0.01, backlog=2)
    answers = [carrier.dial(BUSY, product) for _ in range(5)]
    codes = [answer.status_code for answer in answers]
    taken = codes.count(200)
    # How many start at once depends on the rate's state; two may always wait.
    assert taken in (2, 3, 4)
    assert codes == [200] * taken + [422] * (5 - taken)
    assert answers[-1].json()["errors"][0]["code"] == "max_queued_calls_exceeded"
    carrier.knobs(backlog_full_status=429)
    assert carrier.dial(BUSY, product).status_code == 429
    assert carrier.summary()["queued"] == 2


def test_a_waiting_call_can_be_cancelled_and_frees_its_place(carrier, product, sdk):
    carrier.knobs(cps=0.01, backlog=1)
    while carrier.dial(BUSY, product).status_code == 200:
        waiting = carrier.rows()[-1]["call_id"]
    assert sdk.logs.voice.get(waiting)["status"] == "queued"
    sdk.calling.update(id=waiting, status="canceled")
    row = next(row for row in carrier.rows() if row["call_id"] == waiting)
    assert (row["end_reason"], row["dialled_at"]) == ("cancel", None)
    assert sdk.logs.voice.get(waiting)["status"] == "canceled"
    assert carrier.dial(BUSY, product).status_code == 200


def test_the_busiest_second_counts_refused_requests_too(carrier, product):
    carrier.knobs(refuse_429=1.0, at_most={"refuse_429": 3})
    for _ in range(6):
        carrier.dial(BUSY, product)
    summary = carrier.summary()
    assert (summary["dials"], summary["accepted"], summary["refused"]) == (6, 3, 3)
    assert 2 <= summary["max_dials_in_one_second"] <= 6


def test_the_call_log_is_paged_in_order_of_arrival(carrier, product):
    for _ in range(5):
        carrier.dial(BUSY, product)
    page = carrier.get("/simulator/calls", after=1, limit=2)["calls"]
    assert [row["seq"] for row in page] == [2, 3]
    assert carrier.get("/simulator/calls", after=5)["calls"] == []
    assert carrier.get("/simulator/calls", limit=-1)["calls"] == []
    assert carrier.http.get("/simulator/calls", params={"after": "x"}).status_code == 422
    ticks = [row["arrived_monotonic"] for row in carrier.rows()]
    assert ticks == sorted(ticks)

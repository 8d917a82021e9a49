"""One call from the POST to its end: who answers, what is told, what is written down."""

import pytest


def number(digits: str) -> str:
    return f"+121255501{digits}"


def test_a_person_hears_presses_and_is_confirmed(carrier, product, document):
    product.pages["/flows/token-1234"] = document(
        {"answer": {"max_duration": 300}},
        {"prompt": {"play": "say: Press 1 to confirm.", "max_digits": 1}},
        {"request": {"url": f"{product.url}/keys/token-1234", "method": "POST", "body": "{}"}},
        {"transfer": {"dest": f"{product.url}/flows/thanks"}},
    )
    product.pages["/flows/thanks"] = document({"play": {"url": "say: Thank you."}}, {"hangup": {}})
    answer = carrier.dial(number("00"), product, custom_variables={"name": "Ada"})
    row = carrier.ended()
    assert answer.status_code == 200
    assert answer.json()["id"] == row["call_id"]
    assert answer.json()["status"] in ("queued", "created")
    assert row["heard"] == ["Press 1 to confirm.", "Thank you."]
    assert [(key["digit"], key["requested_ok"], key["confirmed"]) for key in row["keys"]] == [
        ("1", True, True)
    ]
    assert [(page["ok"], page["status"]) for page in row["documents"]] == [(True, 200)] * 2
    assert (row["end_reason"], row["ended_by"], row["answered_by"]) == (
        "hangup",
        "script",
        "human",
    )
    assert not row["silent"]
    assert not row["void_document"]
    assert product.states() == ["ringing", "answered", "ended"]
    moments = ["arrived", "dialled", "ringing", "answered", "ended"]
    assert sorted(row[f"{moment}_at"] for moment in moments) == [
        row[f"{moment}_at"] for moment in moments
    ]
    fetched = product.at("/flows/token-1234")[0].json
    assert fetched["call"]["call_id"] == row["call_id"]
    assert fetched["call"]["call_state"] == "answered"
    assert fetched["envs"] == {"name": "Ada"}


@pytest.mark.parametrize(
    ("digits", "reason", "states"),
    [
        ("75", "noAnswer", ["ringing", "ended"]),
        ("85", "busy", ["ended"]),
        ("90", "decline", ["ringing", "ended"]),
        ("92", "error", ["ended"]),
        ("96", "not_found", ["ended"]),
    ],
)
def test_calls_nobody_answers(carrier, product, digits, reason, states):
    carrier.dial(number(digits), product)
    row = carrier.ended()
    assert (row["end_reason"], row["answered_at"], row["answered_by"]) == (reason, None, None)
    assert product.states() == states
    assert product.at("/hooks")[-1].json["params"]["end_reason"] == reason
    assert product.at("/flows") == []
    assert not row["silent"]


@pytest.mark.parametrize(
    ("digits", "keys", "ended_by"),
    [
        ("39", ["1", "1"], "end of script"),
        ("40", ["2", "2"], "end of script"),
        ("54", ["3", "3"], "end of script"),
        ("55", ["9", "9"], "end of script"),
        ("60", [], "callee"),
        ("74", [], "end of script"),
        ("94", [], "callee"),
        ("99", ["5", "1"], "end of script"),
    ],
)
def test_what_people_press(carrier, product, document, digits, keys, ended_by):
    prompts = [{"prompt": {"play": f"say: Question {n}, please?"}} for n in (1, 2)]
    product.pages["/flows/token-1234"] = document(*prompts)
    carrier.dial(number(digits), product)
    row = carrier.ended()
    assert [key["digit"] for key in row["keys"]] == keys
    assert row["ended_by"] == ended_by
    assert row["heard"][0] == "Question 1, please?"
    assert (len(row["heard"]) == 1) == (ended_by == "callee")


def test_a_slow_person_is_missed_by_a_short_ring_timeout(carrier, product):
    carrier.dial(number("93"), product, timeout=10)
    assert carrier.ended()["end_reason"] == "noAnswer"
    carrier.dial(number("93"), product, timeout=30)
    assert carrier.ended()["answered_by"] == "human"


@pytest.mark.parametrize(("digits", "first"), [("97", "busy"), ("98", "noAnswer")])
def test_the_second_call_is_answered(carrier, product, digits, first):
    reasons = []
    for _ in range(2):
        carrier.dial(number(digits), product)
        reasons.append(carrier.ended()["end_reason"])
    assert reasons == [first, "hangup"]


def test_an_impossible_number_is_refused(carrier, product):
    answer = carrier.dial(number("95"), product)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "invalid_destination_number"
    row = carrier.rows()[-1]
    assert (row["accepted"], row["http_status"], row["call_id"]) == (False, 422, None)
    assert row["error_code"] == "invalid_destination_number"


def test_personas_can_be_chosen_by_number_and_by_digits(carrier, product):
    carrier.knobs(
        personas={
            number("00"): "busy",
            "01": {"as": "declines", "rings": [1, 1]},
            number("01"): {"as": "presses_1", "keys": ["42"]},
        }
    )
    reasons = []
    for to in (number("00"), "+12065550101", number("01"), number("02")):
        carrier.dial(to, product)
        reasons.append(carrier.ended()["end_reason"])
    assert reasons == ["busy", "decline", "hangup", "hangup"]


def test_only_the_end_is_told_by_default(carrier, product):
    carrier.dial(number("00"), product, status_events=None)
    carrier.ended()
    assert product.states() == ["ended"]


def test_every_event_can_be_told(carrier, product):
    carrier.dial(number("00"), product, status_events=["created", "ringing", "answered", "ended"])
    row = carrier.ended()
    assert product.states() == ["created", "ringing", "answered", "ended"]
    assert [(note["event"], note["ok"]) for note in row["events_sent"]] == [
        (state, True) for state in product.states()
    ]


def test_an_answered_call_without_a_document_is_silent(carrier, product):
    carrier.dial(number("00"), product, url="http://127.0.0.1:9/nobody")
    row = carrier.ended()
    assert row["silent"]
    assert row["end_reason"] == "error"
    assert row["script_error"].startswith("no document")
    assert carrier.summary()["silent"] == 1


def test_a_document_that_only_hangs_up_is_void_and_not_silent(carrier, product, document):
    product.pages["/flows/token-1234"] = document({"answer": {}}, {"hangup": {}})
    carrier.dial(number("00"), product)
    row = carrier.ended()
    assert row["void_document"]
    assert not row["silent"]
    assert row["heard"] == []


def test_an_empty_document_is_silent(carrier, product, document):
    product.pages["/flows/token-1234"] = document()
    carrier.dial(number("00"), product)
    row = carrier.ended()
    assert row["silent"]
    assert not row["void_document"]


def test_a_restarted_carrier_never_gives_an_id_again(start_carrier, product):
    ids = []
    for _ in range(2):
        carrier = start_carrier("--time-scale", "0.004", "--seed", "7")
        carrier.dial(number("00"), product)
        carrier.dial(number("01"), product)
        ids += [row["call_id"] for row in carrier.rows()]
    assert len(set(ids)) == len(ids) == 4

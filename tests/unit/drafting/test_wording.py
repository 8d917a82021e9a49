"""What is said after a key, in words of one's own."""

import pytest

from campaigns.drafting.wording import Wording
from campaigns.errors import InvalidInput


def test_a_reply_of_ones_own_takes_the_place_of_the_built_in_one():
    wording = Wording(organisation="Harbour Clinic", replies={"1": "See you then, {name}."})
    flow = wording.flow_for("reminder")
    assert flow.answers["1"].reply == "See you then, {name}."
    assert flow.answers["1"].meaning == "confirm"
    untouched = Wording(organisation="Harbour Clinic").flow_for("reminder")
    assert flow.answers["9"] == untouched.answers["9"]
    assert (wording.kept() or {})["replies"] == {"1": "See you then, {name}."}


def test_a_reply_is_said_after_a_key_that_is_asked_for():
    with pytest.raises(InvalidInput, match="no key 1 in this call; its keys are 9"):
        Wording(message="The water is off.", replies={"1": "Thanks."}).flow_for("announcement")
    with pytest.raises(InvalidInput, match="not both"):
        Wording(flow={"kind": "announcement", "message": "x"}, replies={"9": "x"}).flow_for(
            "announcement"
        )

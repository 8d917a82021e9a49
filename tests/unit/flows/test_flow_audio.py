"""Flows that play audio, alone or among texts: as stored values, as documents, as previews."""

import json
from dataclasses import replace

import pytest

from campaigns.errors import InvalidInput
from campaigns.flows.builtin import announcement_flow
from campaigns.flows.model import CallFlow
from campaigns.flows.preview import AudioFacts, length_in_words, preview
from campaigns.flows.swml import render_confirmation, render_opening

ONE, OTHER = "a" * 64, "b" * 64
MIXED = {
    "kind": "announcement",
    "message": [{"audio": ONE}, "Dear {name}, we meet on {day}."],
    "prompt": {"audio": OTHER},
    "answers": {"9": {"meaning": "opt_out", "reply": [{"audio": ONE}]}},
    "voicemail": {"policy": "leave_message", "text": {"audio": OTHER}},
}
FIELDS = {"name": "Ada", "day": "Monday"}


def url_of(sha256: str) -> str:
    return f"https://calls.example.org/audio/{sha256[:3]}.wav"


def test_audio_survives_being_stored():
    flow = CallFlow.from_json(MIXED)
    assert CallFlow.from_json(flow.to_json()) == flow
    assert flow.to_json()["message"] == MIXED["message"]
    assert flow.to_json()["prompt"] == MIXED["prompt"]


def test_a_flow_knows_its_audio_and_its_columns():
    flow = CallFlow.from_json(MIXED)
    assert flow.audio() == [ONE, OTHER]
    assert flow.columns() == ["name", "day"]
    with pytest.raises(InvalidInput, match=r"\{day\}"):
        flow.check_columns(["name"])
    assert announcement_flow("Hello.").audio() == []


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"audio": "greeting.wav"}, "message.audio"),
        ({"audio": ONE, "loop": 3}, "message.loop"),
        ({"url": "https://example.org/x.wav"}, "message.audio: it is missing"),
        ([], "message"),
        ([{"audio": ONE}, ""], "message.1: the text is empty"),
        ([[{"audio": ONE}]], "message.0"),
        ([{"audio": ONE}] * 11, "message"),
        (7, "message: write a text"),
        ("", "message: the text is empty"),
    ],
)
def test_what_is_neither_text_nor_audio_is_refused_by_its_place(message, says):
    with pytest.raises(InvalidInput, match=says):
        CallFlow.from_json({"kind": "announcement", "message": message})


def test_audio_is_played_from_its_address_between_the_texts(links):
    flow = CallFlow.from_json(MIXED)
    document = render_opening(flow, FIELDS, replace(links, audio_url=url_of))
    asked = [step["prompt"]["play"] for step in document["sections"]["main"] if "prompt" in step]
    assert asked == [[url_of(ONE), "say:Dear Ada, we meet on Monday.", url_of(OTHER)]]
    machine = document["sections"]["main"][2]["cond"][0]["then"]
    assert machine[0]["play"]["url"] == url_of(OTHER)
    reply = render_confirmation(flow, "9", FIELDS, url_of)
    assert reply["sections"]["main"][0]["play"]["url"] == url_of(ONE)


def test_several_sounds_are_one_play_of_urls(links):
    flow = CallFlow.from_json({"kind": "announcement", "message": MIXED["message"]})
    document = render_opening(flow, FIELDS, replace(links, audio_url=url_of))
    assert document["sections"]["main"][3]["play"]["urls"] == [
        url_of(ONE),
        "say:Dear Ada, we meet on Monday.",
    ]


def test_audio_without_an_address_is_left_out_and_the_document_stays_whole(links):
    flow = CallFlow.from_json(MIXED)
    document = render_opening(flow, FIELDS, links)
    (asked,) = (step["prompt"] for step in document["sections"]["main"] if "prompt" in step)
    assert asked["play"] == ["say:Dear Ada, we meet on Monday."]
    assert '"url": ""' not in json.dumps(document)
    only = CallFlow.from_json({"kind": "announcement", "message": {"audio": ONE}})
    played = render_opening(only, {}, links)["sections"]["main"][3]["play"]
    assert played["url"].startswith("silence:")


def test_a_preview_names_the_audio_and_its_length():
    known = {ONE: AudioFacts("greeting.wav", 12.4)}
    heard = preview(CallFlow.from_json(MIXED), FIELDS, known)
    assert heard.human == [
        "[audio: greeting.wav, 12 s]",
        "Dear Ada, we meet on Monday.",
        "[audio that is not there]",
    ]
    assert heard.keys == {"9": ["[audio: greeting.wav, 12 s]"]}


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (59.6, "1 min"), (125, "2 min 5 s"), (12.4, "12 s")]
)
def test_lengths_are_read_as_people_say_them(seconds, words):
    assert length_in_words(seconds) == words

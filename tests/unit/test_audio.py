"""What an audio is, told by its content; what telephones may not play is refused in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audio import MOST_BYTES, look_into, plain_name
from campaigns.errors import InvalidInput
from tests.sounds import RATE, mp3, wav


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (wav(12.5), 12.5),
        (wav(3, bits=16), 3),
        (wav(3, bits=16, channels=2, rate=44100), 3),
        (wav(5, code=7), 5),
    ],
)
def test_wav_is_known_by_its_content_and_has_its_length(data, seconds):
    found = look_into(data)
    assert found.media_type == "audio/wav"
    assert found.seconds == pytest.approx(seconds)


def test_mp3_is_known_by_its_content_and_has_its_length():
    found = look_into(mp3(7))
    assert found.media_type == "audio/mpeg"
    assert found.seconds == pytest.approx(7, abs=0.1)


def test_tags_before_an_mp3_are_passed_over():
    tag = b"ID3\x04\x00\x00" + bytes((0, 0, 7, 0x68)) + bytes(1000)
    assert look_into(tag + mp3(2)).media_type == "audio/mpeg"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"name,phone\nAda,+12125550100\n", "not an audio|neither"),
        (b"%PDF-1.7 " + bytes(range(256)) * 50, "not an audio|neither"),
        (b"OggS" + bytes(5000), "not an audio|neither"),
        (b"\xff\xfb" * 3000, "not an audio|neither|no sound"),
        (b"RIFF\x04\x00\x00\x00WAVE", "not an audio"),
        (b"RIFF\x04\x00\x00\x00AVI ", "not an audio"),
        (wav(0), "no sound"),
        (wav(3, code=3, bits=32), "neither PCM"),
        (wav(3, code=0x55), "neither PCM"),
        (wav(1, channels=6, bits=16), "6 channels"),
        (wav(1, rate=200), "200 samples"),
        (wav(30)[: 15 * RATE], "cut off"),
        (wav(601), "10 minutes"),
        (bytes(MOST_BYTES + 1), "larger than 10 MB"),
    ],
)
def test_what_cannot_be_played_is_refused_in_words(data, says):
    with pytest.raises(InvalidInput, match=says):
        look_into(data)


@given(st.binary(max_size=300), st.sampled_from([b"", b"RIFF", b"ID3\x04", b"\xff\xfb\x90\xc4"]))
def test_any_bytes_are_an_audio_or_refused(data, start):
    try:
        found = look_into(start + data)
    except InvalidInput:
        return
    assert found.seconds > 0


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("greeting.wav", "greeting.wav"),
        ("C:\\sounds\\greeting.wav", "greeting.wav"),
        ("../../etc/passwd", "passwd"),
        ("a\x00b\n.mp3", "ab.mp3"),
        ("  ", "audio"),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_name_is_only_a_name(name, plain):
    assert plain_name(name) == plain

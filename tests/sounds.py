"""Small audio files, made as they are wanted."""

import struct

RATE = 8000
# MPEG 1, layer 3, 128 kbit/s, 44.1 kHz, one channel, no padding: 417 bytes, 1152 samples.
MP3_FRAME = bytes((0xFF, 0xFB, 0x90, 0xC4)) + bytes(413)
MP3_FRAME_SECONDS = 1152 / 44100


def wav(
    seconds: float = 1.0, *, code: int = 1, bits: int = 8, channels: int = 1, rate: int = RATE
) -> bytes:
    """A WAV file of silence; `code` 1 is PCM and 7 is µ-law."""
    block = channels * bits // 8
    data = bytes(int(seconds * rate) * block)
    form = struct.pack("<HHIIHH", code, channels, rate, rate * block, block, bits)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def mp3(seconds: float = 1.0) -> bytes:
    """An MP3 of silence."""
    return MP3_FRAME * round(seconds / MP3_FRAME_SECONDS)

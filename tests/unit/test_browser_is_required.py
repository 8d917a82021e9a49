"""The browser tests fail without a browser, and say how to get one; they are never skipped."""

import os

import pytest

from tests.browser import chromium


def test_without_a_browser_the_tests_fail_and_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RuntimeError, match=r"need Chromium.*apt-get install chromium"):
        chromium.executable.__wrapped__()

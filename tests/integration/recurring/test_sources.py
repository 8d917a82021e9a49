"""Lists are read from below one directory or from public addresses, and from nowhere else."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.errors import InvalidInput
from campaigns.notifying import addresses
from campaigns.recurring import Reader, Source, SourceFailed
from tests.integration.notifying.certificates import contexts_for
from tests.integration.recurring.listserver import Answer, ListServer

LIST = b"phone\n+12125550100\n"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """The directory of lists, with a secret beside it."""
    folder = tmp_path / "lists"
    (folder / "daily").mkdir(parents=True)
    (folder / "daily" / "today.csv").write_bytes(LIST)
    (tmp_path / "secret.csv").write_bytes(b"phone\n+12125550199\n")
    return folder


@pytest.fixture
def reader(lists: Path) -> Reader:
    return Reader(lists, 1)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def test_a_file_below_the_directory_is_read_as_it_is_now(reader, lists, target):
    source = reader.check({"file": "daily/today.csv"})
    assert reader.read(source, target) == "today.csv"
    assert target.read_bytes() == LIST
    target.unlink()
    (lists / "daily" / "today.csv").write_bytes(b"phone\n+12125550101\n")
    reader.read(source, target)
    assert target.read_bytes() == b"phone\n+12125550101\n"


def test_a_file_that_is_written_while_it_is_read_is_read_again_later(
    reader, lists, target, monkeypatch
):
    path = lists / "daily" / "today.csv"
    read = os.read

    def slow(descriptor: int, size: int) -> bytes:
        chunk = read(descriptor, size)
        if chunk:
            path.write_bytes(b"phone\n+12125550102\n+1212555010")  # and so on
        return chunk

    with monkeypatch.context() as patched:
        patched.setattr(os, "read", slow)
        with pytest.raises(SourceFailed, match="while it was read"):
            reader.read(Source(file="daily/today.csv"), target)


def test_a_link_that_stays_inside_is_followed(reader, lists, target):
    (lists / "current.csv").symlink_to("daily/today.csv")
    (lists / "now").symlink_to("daily")
    for name in ("current.csv", "now/today.csv"):
        reader.read(Source(file=name), target)
        assert target.read_bytes() == LIST
        target.unlink()


@pytest.mark.parametrize(
    "name",
    ["../secret.csv", "daily/../../secret.csv", "/etc/passwd", "", ".", "a\\b", "a\0b", "x" * 600],
)
def test_a_path_that_could_lead_out_is_refused_when_it_is_given(reader, name):
    with pytest.raises(InvalidInput, match="not a file below"):
        reader.check({"file": name})


@pytest.mark.parametrize("name", ["out.csv", "out/secret.csv"])
def test_a_link_out_of_the_directory_is_refused_when_it_is_read(reader, lists, target, name):
    (lists / "out.csv").symlink_to(lists.parent / "secret.csv")
    (lists / "out").symlink_to(lists.parent)
    with pytest.raises(SourceFailed, match="leads out of the directory"):
        reader.read(Source(file=name), target)
    assert target.read_bytes() == b""


def test_even_a_path_that_was_stored_cannot_lead_out(reader, target):
    with pytest.raises(SourceFailed, match="leads out"):
        reader.read(Source(file="../secret.csv"), target)


def test_what_is_no_file_is_refused_and_not_waited_for(reader, lists, target):
    os.mkfifo(lists / "pipe.csv")
    for name, says in (
        ("pipe.csv", "not a file"),
        ("daily", "not a file|directory"),
        ("none.csv", "No such file"),
    ):
        with pytest.raises(SourceFailed, match=says):
            reader.read(Source(file=name), target)
        target.unlink()


def test_links_in_a_circle_are_an_error_in_words(reader, lists, target):
    (lists / "a.csv").symlink_to("b.csv")
    (lists / "b.csv").symlink_to("a.csv")
    with pytest.raises(SourceFailed, match="cannot be read"):
        reader.read(Source(file="a.csv"), target)


def test_a_file_larger_than_an_upload_is_refused(reader, lists, target):
    (lists / "large.csv").write_bytes(bytes(1024 * 1024 + 1))
    with pytest.raises(SourceFailed, match="larger than 1 MB"):
        reader.read(Source(file="large.csv"), target)


def test_without_a_directory_no_file_is_read(target):
    nowhere = Reader(None, 1)
    with pytest.raises(InvalidInput, match="OUTDIAL_SOURCES_DIR"):
        nowhere.check({"file": "today.csv"})
    with pytest.raises(SourceFailed, match="OUTDIAL_SOURCES_DIR"):
        nowhere.read(Source(file="today.csv"), target)


@pytest.mark.parametrize(
    "value",
    [
        "today.csv",
        {},
        {"file": 7},
        {"ftp": "x"},
        {"file": "a.csv", "url": "https://example.org/"},
        {"url": "http://example.org/list.csv"},
        {"url": "https://user:word@example.org/list.csv"},
        {"url": "https://127.0.0.1/list.csv"},
        {"url": "https://0x7f000001/list.csv"},
        {"url": "https://[::1]/list.csv"},
        {"url": "https://10.0.0.5/list.csv"},
        {"url": "https://169.254.169.254/latest/meta-data"},
        {"url": "https://example.org:22/list.csv"},
        {"url": "file:///etc/passwd"},
        {"url": "https://[bad"},
    ],
)
def test_what_is_no_public_address_is_refused_when_it_is_given(reader, value):
    with pytest.raises(InvalidInput):
        reader.check(value)


def test_an_address_is_shown_without_what_may_be_a_password():
    source = Source.parse({"url": "https://example.org/a.csv?token=secret"}, allow_private=False)
    assert str(source) == "https://example.org/a.csv?..."
    assert Source.parse(source.serialise(), allow_private=False) == source


@pytest.fixture
def server() -> Iterator[ListServer]:
    found = ListServer()
    yield found
    found.close()


@pytest.fixture
def local() -> Reader:
    """Who may read from this machine, as in development."""
    return Reader(None, 1, allow_private=True, seconds=5.0)


def test_an_address_is_read(server, local, target):
    server.pages["/lists/to%20day.csv?x=1"] = Answer(LIST)
    source = local.check({"url": f"http://127.0.0.1:{server.port}/lists/to%20day.csv?x=1"})
    assert local.read(source, target) == "to day.csv"
    assert target.read_bytes() == LIST


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(status=404), "answered 404"),
        (Answer(b"soon", status=503), "answered 503"),
        (Answer(LIST, headers={"Content-Encoding": "gzip"}), "packed"),
        (Answer(LIST, announced=1000), "cannot be read"),
        (Answer(bytes(1024 * 1024 + 1)), "larger than 1 MB"),
        (Answer(status=302, headers={"Location": "/list.csv"}), "redirects more than 3"),
        (Answer(status=302), "answered 302"),
        (Answer(status=302, headers={"Location": "ftp://127.0.0.1/"}), "https://"),
    ],
)
def test_what_is_not_the_whole_list_is_a_failure_in_words(server, local, target, answer, says):
    server.pages["/list.csv?token=secret"] = server.pages["/list.csv"] = answer
    with pytest.raises(SourceFailed, match=says) as failed:
        local.read(Source(url=f"http://127.0.0.1:{server.port}/list.csv?token=secret"), target)
    assert "secret" not in str(failed.value)


def test_nobody_listening_is_a_failure_in_words(local, target):
    with pytest.raises(SourceFailed, match="cannot be read"):
        local.read(Source(url="http://127.0.0.1:9/list.csv"), target)


def test_a_redirect_is_followed(server, local, target):
    server.pages["/old.csv"] = Answer(status=301, headers={"Location": "/new.csv"})
    server.pages["/new.csv"] = Answer(LIST)
    local.read(Source(url=f"http://127.0.0.1:{server.port}/old.csv"), target)
    assert target.read_bytes() == LIST


@pytest.fixture
def outside(tmp_path, monkeypatch) -> Iterator[tuple[Reader, ListServer]]:
    """A public server, and a reader as in production; names but the server's lead inside."""
    server_tls, client_tls = contexts_for("lists.example", tmp_path)
    found = ListServer(server_tls)
    leads = {"lists.example": "127.0.0.1", "inner.example": "10.0.0.5", "here.example": "127.0.0.2"}
    monkeypatch.setattr(addresses, "PORTS", (found.port,))
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
    yield Reader(None, 1, resolver=lambda name, _port: [leads[name]], tls=client_tls), found
    found.close()


def test_a_public_address_is_read_over_tls(outside, target):
    reader, server = outside
    server.pages["/list.csv"] = Answer(LIST)
    reader.read(Source(url=f"https://lists.example:{server.port}/list.csv"), target)
    assert target.read_bytes() == LIST


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("https://inner.example:{port}/list.csv", "not on the public internet"),
        ("https://here.example:{port}/list.csv", "not on the public internet"),
        ("https://127.0.0.2:{port}/list.csv", "not on the public internet"),
        ("http://lists.example:{port}/list.csv", "https://"),
        ("https://lists.example:22/list.csv", "port"),
    ],
)
def test_no_redirect_leads_into_our_network(outside, target, where, says):
    reader, server = outside
    location = where.format(port=server.port)
    server.pages["/list.csv"] = Answer(status=302, headers={"Location": location})
    with pytest.raises(SourceFailed, match=says):
        reader.read(Source(url=f"https://lists.example:{server.port}/list.csv"), target)
    assert server.asked == ["/list.csv"]


def test_a_name_that_leads_inside_is_refused_at_every_reading(outside, target):
    reader, server = outside
    with pytest.raises(SourceFailed, match="not on the public internet"):
        reader.read(Source(url=f"https://inner.example:{server.port}/list.csv"), target)
    assert server.asked == []

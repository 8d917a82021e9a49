"""How fast a long list is imported, and in how much memory.

    python -m benchmarks.import_million [--rows 1000000] [--format csv|xlsx]

Makes a list of five columns, imports it by the real road into a database of its own on the
embedded PostgreSQL, and measures in the same run what no importer can do without: reading each
number with `phonenumbers`, and COPY of as many rows into an indexed table. Read the ratio, not the
absolute numbers: they belong to the machine.

Numbers are North American ones that the numbering plan knows and nobody answers: 555-01xx in each
area code. There are only some 40,000 of
them, so numbers repeat; for the count of imported people to grow with the list, the campaign is a
reminder, with another appointment in each round.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path

import openpyxl
import phonenumbers
import psycopg
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from campaigns import importing, migrations
from campaigns.db import engine_for, transaction
from campaigns.local import embedded_servers
from campaigns.models import Account, CallerId, Campaign, Flow

HEADER = ("phone", "name", "city", "appointment", "time zone")
DATABASE = "outdial_benchmark_import"
BOUND_SAMPLE = 50_000  # rows on which the reading of numbers is measured

# Runs the import alone, so that the peak of memory is its own.
CHILD = """
import resource, sys, time
from pathlib import Path
from campaigns.db import engine_for
from campaigns.importing import run

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

engine = engine_for(sys.argv[1])
warm = run(engine, int(sys.argv[2]), Path(sys.argv[3]))
before, start = peak(), time.perf_counter()
summary = run(engine, int(sys.argv[4]), Path(sys.argv[5]))
took = time.perf_counter() - start
print(f"{took:.3f} {before:.0f} {peak():.0f} {summary.rows_imported} {summary.rows_rejected}")
print(summary.sentence, file=sys.stderr)
"""


def numbers() -> list[str]:
    """Every number the plan knows among those reserved for fiction in North America."""
    found = []
    for area in range(201, 990):
        for line in range(100, 200):
            written = f"+1{area}5550{line}"
            if phonenumbers.is_valid_number(phonenumbers.parse(written, None)):
                found.append(written)
    return found


def rows(people: list[str]) -> Iterator[tuple[str, ...]]:
    """Rows without end; no two name the same person at the same time."""
    first = datetime(2030, 1, 1, 9, 0, tzinfo=UTC)
    for n in count():
        number = people[n % len(people)]
        at = first + timedelta(minutes=15 * (n // len(people)))
        yield number, f"Person {n}", f"City {n % 997}", f"{at:%Y-%m-%d %H:%M}", "America/New_York"


def write_list(path: Path, size: int, people: list[str], kind: str) -> None:
    """A list of `size` rows at `path`."""
    if kind == "csv":
        with path.open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(HEADER)
            writer.writerows(islice(rows(people), size))
        return
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("People")
    sheet.append(HEADER)
    for row in islice(rows(people), size):
        sheet.append(row)
    book.save(path)


def make_campaign(engine: Engine) -> int:
    """A reminder on a simulator account."""
    with transaction(engine) as session:
        account = Account(
            name="benchmark",
            provider="signalwire",
            base_url="http://127.0.0.1:1",
            project_id="p",
            credentials=b"",
        )
        flow = Flow(name="benchmark", version=1, definition={})
        session.add_all([account, flow])
        session.flush()
        caller = CallerId(account_id=account.id, number="+12025550199")
        session.add(caller)
        session.flush()
        campaign = Campaign(
            name="benchmark",
            kind="reminder",
            account_id=account.id,
            caller_id_id=caller.id,
            flow_id=flow.id,
            rule_set="practice",
            windows={},
            retry_policy={},
            reminder={"offset": 86400, "deadline": 0},
            default_country="US",
        )
        session.add(campaign)
        session.flush()
        return campaign.id


def register(engine: Engine, campaign_id: int, path: Path) -> int:
    """A waiting import of a file."""
    with transaction(engine) as session:
        file = importing.fingerprint(path)
        return importing.register(session, campaign_id, file_name=path.name, file=file).row.id


def seconds_to_read_numbers(people: list[str], size: int) -> float:
    """What `phonenumbers` alone needs for `size` numbers: read, judged, written."""
    sample = list(islice((row[0] for row in rows(people)), min(size, BOUND_SAMPLE)))
    start = time.perf_counter()
    for number in sample:
        parsed = phonenumbers.parse(number, "US")
        phonenumbers.number_type(parsed)
        phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return (time.perf_counter() - start) * size / len(sample)


def seconds_to_copy(url: str, people: list[str], size: int) -> float:
    """What COPY of as many rows, and an index on them, needs."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bound (phone text, name text, city text, at text, zone text)")
        start = time.perf_counter()
        with cursor.copy("COPY bound FROM STDIN") as copy:
            for row in islice(rows(people), size):
                copy.write_row(row)
        cursor.execute("CREATE INDEX ON bound (phone, at)")
        connection.commit()
        took = time.perf_counter() - start
        cursor.execute("DROP TABLE bound")
        return took


def measure(url: str, folder: Path, size: int, kind: str) -> None:
    """Import once and print how it went, beside the bound."""
    engine = engine_for(url)
    migrations.upgrade(engine)
    campaign = make_campaign(engine)
    people = numbers()
    warm, full = folder / f"warm.{kind}", folder / f"full.{kind}"
    write_list(warm, 1_000, people[::-1], kind)
    write_list(full, size, people, kind)
    ids = [register(engine, campaign, path) for path in (warm, full)]
    command = [sys.executable, "-c", CHILD, url, str(ids[0]), str(warm), str(ids[1]), str(full)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took, before, peak, imported, rejected = map(float, done.stdout.split())
    read, copied = (
        seconds_to_read_numbers(people, size),
        seconds_to_copy(url.replace("postgresql+psycopg", "postgresql"), people, size),
    )
    bound = read + copied
    lines = (
        f"{size:,} rows, {full.stat().st_size / 1e6:.0f} MB of {kind.upper()}",
        done.stderr.strip()[:200],
        f"imported {imported:,.0f}, rejected {rejected:,.0f}",
        f"import     {took:8.1f} s   {size / took:10,.0f} rows/s",
        f"peak RSS   {peak:8.0f} MB  {peak - before:+10.0f} MB over an import of 1,000 rows",
        f"bound      {bound:8.1f} s   numbers {read:.1f} s, COPY and index {copied:.1f} s",
        f"ratio      {took / bound:8.2f}",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    engine.dispose()


def main() -> None:
    """Make a database, measure, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--format", choices=("csv", "xlsx"), default="csv")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, embedded_servers(Path(name), redis=False) as urls:
        with psycopg.connect(urls.database_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        url = make_url(urls.database_url).set(database=DATABASE)
        measure(url.render_as_string(hide_password=False), Path(name), asked.rows, asked.format)


if __name__ == "__main__":
    main()

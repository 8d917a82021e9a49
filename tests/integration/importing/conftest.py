"""Parents of an import, and one call that takes a text through the whole road."""

from itertools import count
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from campaigns.db import transaction
from campaigns.importing import ImportOptions, fingerprint, register, run
from campaigns.models import Account, CallerId, Campaign, Flow


@pytest.fixture
def make_campaign(engine):
    """A function that makes a campaign with all it needs, and returns its id."""
    serial = count(1)

    def make(*, live=False, kind="announcement", reminder=None, status="draft", country="US"):
        n = next(serial)
        with transaction(engine) as session:
            account = Account(
                name=f"account {n}",
                provider="signalwire",
                base_url="http://127.0.0.1:1",
                project_id="p",
                credentials=b"",
                live=live,
            )
            flow = Flow(name=f"flow {n}", version=1, definition={})
            session.add_all([account, flow])
            session.flush()
            caller = CallerId(account_id=account.id, number="+12025550199")
            session.add(caller)
            session.flush()
            campaign = Campaign(
                name=f"campaign {n}",
                kind=kind,
                status=status,
                account_id=account.id,
                caller_id_id=caller.id,
                flow_id=flow.id,
                rule_set="practice",
                windows={},
                retry_policy={},
                reminder=reminder,
                default_country=country,
            )
            session.add(campaign)
            session.flush()
            return campaign.id

    return make


@pytest.fixture
def campaign(make_campaign):
    """An announcement on a simulator account."""
    return make_campaign()


@pytest.fixture
def registered(engine, tmp_path):
    """A function that registers content for import: its id, path and whether it was known."""
    serial = count(1)

    def register_content(campaign_id, content, **options):
        path = tmp_path / f"{next(serial)}.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with transaction(engine) as session:
            found = register(
                session,
                campaign_id,
                file_name="list.csv",
                file=fingerprint(path),
                options=ImportOptions(**options),
            )
            return SimpleNamespace(id=found.row.id, path=path, already=found.already)

    return register_content


@pytest.fixture
def imported(engine, registered):
    """A function that imports content and returns the summary."""

    def import_content(campaign_id, content, **options):
        waiting = registered(campaign_id, content, **options)
        return run(engine, waiting.id, waiting.path)

    return import_content


@pytest.fixture
def rows_of(engine):
    """A function that runs a query and returns its rows as plain tuples."""

    def query(sql, **values):
        with transaction(engine) as session:
            return [tuple(row) for row in session.execute(text(sql), values)]

    return query


@pytest.fixture
def recipients_of(rows_of):
    """A function that returns the recipients of a campaign in the order they were stored."""

    def recipients(campaign_id, columns="numbers, status, reason"):
        return rows_of(
            f"SELECT {columns} FROM recipients WHERE campaign_id = :id ORDER BY id", id=campaign_id
        )

    return recipients


@pytest.fixture
def rejects_of(rows_of):
    """A function that returns line and reason of every reject."""

    def rejects(summary):
        return rows_of(
            "SELECT line, reason FROM import_rejects WHERE import_id = :id ORDER BY line",
            id=summary.import_id,
        )

    return rejects

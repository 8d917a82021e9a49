"""Opt-outs as people hand them in, look them up, take them along, and undo them.

reading     a text or a line of a file: a number or a prefix, with an end and a reason
recording   a few at once, or a file of a million in pieces that hold the gate only briefly
looking_up  by number, by how it begins or ends; the history of one number
lifting     undone with a reason; who was blocked is put back only when that was asked for
taking_out  all of them as CSV or as lines of JSON, streamed
"""

from campaigns.opting_out.lifting import Lifted, count_blocked, lift
from campaigns.opting_out.looking_up import (
    FoundPage,
    NumberHistory,
    alike,
    find,
    history_of,
    newest_first,
    read_search,
    search,
)
from campaigns.opting_out.reading import (
    ReadNumbers,
    Unreadable,
    read_number,
    read_numbers,
    read_until,
)
from campaigns.opting_out.recording import BATCH, ImportReport, check_campaign, import_file, opt_out
from campaigns.opting_out.taking_out import COLUMNS, csv_lines, json_lines, plain
from campaigns.store.opt_outs import STATES, NewOptOut, OptOutRow, Search

__all__ = [
    "BATCH",
    "COLUMNS",
    "STATES",
    "FoundPage",
    "ImportReport",
    "Lifted",
    "NewOptOut",
    "NumberHistory",
    "OptOutRow",
    "ReadNumbers",
    "Search",
    "Unreadable",
    "alike",
    "check_campaign",
    "count_blocked",
    "csv_lines",
    "find",
    "history_of",
    "import_file",
    "json_lines",
    "lift",
    "newest_first",
    "opt_out",
    "plain",
    "read_number",
    "read_numbers",
    "read_search",
    "read_until",
    "search",
]

"""Every change of state, written down by the database itself, so that none goes unseen."""

import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

ACTIVE = {"queued", "running", "cancelling"}

_TRIGGER = """
CREATE TABLE chaos_history (
    at REAL, conversion TEXT, old TEXT, new TEXT, attempt INTEGER, lost INTEGER, silent REAL
);
CREATE TRIGGER chaos_history AFTER UPDATE ON inference_conversion
WHEN OLD.state <> NEW.state
BEGIN
    INSERT INTO chaos_history VALUES (
        julianday('now') * 86400, NEW.id, OLD.state, NEW.state, NEW.attempt,
        NEW.losses > OLD.losses,
        (julianday('now') - julianday(OLD.heartbeat_at)) * 86400
    );
END;
"""


@dataclass(frozen=True)
class History:
    """What happened to the conversions.

    Attributes:
        changes: how often each (old, new) happened.
        flips: changes out of a terminal state; there must be none.
        succeeded_twice: conversions published more than once; there must be none.
        notice_seconds: for each lost attempt, from its last sign of life to being given up.
    """

    changes: Counter[tuple[str, str]]
    flips: list[tuple[str, str, str]]
    succeeded_twice: list[str]
    notice_seconds: list[float]


def record(database: Path) -> None:
    """Has the database write down changes from now on."""
    with sqlite3.connect(database, timeout=30) as connection:
        connection.executescript(_TRIGGER)
    connection.close()


def read(database: Path) -> History:
    """What was written down so far."""
    connection = sqlite3.connect(database, timeout=30)
    rows = connection.execute(
        "SELECT conversion, old, new, lost, silent FROM chaos_history ORDER BY rowid"
    ).fetchall()
    connection.close()
    successes: defaultdict[str, int] = defaultdict(int)
    for conversion, _, new, _, _ in rows:
        successes[conversion] += new == "succeeded"
    return History(
        changes=Counter((old, new) for _, old, new, _, _ in rows),
        flips=[(c, old, new) for c, old, new, _, _ in rows if old not in ACTIVE],
        succeeded_twice=[c for c, times in successes.items() if times > 1],
        notice_seconds=[silent for _, _, _, lost, silent in rows if lost],
    )

"""A database that is away for a moment is waited for, and one in a transaction is not."""

import pytest
from django.db import OperationalError, transaction

from inference import patience
from inference.patience import patiently


class Flaky:
    """Fails so many times, then answers."""

    def __init__(self, failures: int) -> None:
        self.calls = 0
        self._failures = failures

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._failures:
            raise OperationalError("the server closed the connection unexpectedly")
        return "done"


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)


@pytest.mark.django_db(transaction=True)
def test_work_is_done_again_until_the_database_is_back() -> None:
    work = Flaky(3)
    assert patiently(work) == "done"
    assert work.calls == 4


@pytest.mark.django_db(transaction=True)
def test_patience_ends() -> None:
    with pytest.raises(OperationalError):
        patiently(Flaky(1000), seconds=0.05)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_repeated_inside_a_transaction() -> None:
    work = Flaky(1)
    with pytest.raises(OperationalError), transaction.atomic():
        patiently(work)
    assert work.calls == 1

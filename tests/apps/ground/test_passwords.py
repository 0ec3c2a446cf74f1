"""What stands in a run's folder or on a terminal has no password in it."""

import pytest

from pnas_apps.exploring.addresses import address_of
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.passwords import without_passwords


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg://me:SECRET@host:5432/nets#mine", "postgresql+psycopg://me:***@host:5432/nets#mine"),
        ("postgresql://host/nets?user=me&password=SECRET&x=1", "postgresql://host/nets?user=me&password=***&x=1"),
        (
            "pnas explore --study 'mysql://me:SE:CRET@host/nets' --seed 1",
            "pnas explore --study 'mysql://me:***@host/nets' --seed 1",
        ),
        ("postgresql://me@host/nets", "postgresql://me@host/nets"),
        ("nets.db", "nets.db"),
    ],
)
def test_passwords_of_urls_are_hidden(text: str, shown: str) -> None:
    assert without_passwords(text) == shown


def test_a_study_shows_no_password() -> None:
    address = address_of("postgresql+psycopg://me:SECRET@host/nets#mine")
    assert (address.url, address.name) == ("postgresql+psycopg://me:SECRET@host/nets", "mine")
    assert "SECRET" not in address.shown


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_study_in_the_memory_of_a_process_is_refused(url: str) -> None:
    with pytest.raises(UserError, match=r"^sqlite:.* exists only in the memory of one process: name a file$"):
        address_of(url)


def test_an_empty_study_is_refused() -> None:
    with pytest.raises(UserError, match=r"^--study is empty: name a file"):
        address_of("")

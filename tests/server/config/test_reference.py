"""docs/configuration.md has every setting as it is declared."""

from tests.server.config.reference import read_tables, tables


def test_the_page_is_fresh() -> None:
    assert read_tables() == tables(), "run: python -m tests.server.config.reference"

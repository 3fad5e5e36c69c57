"""Where in a TOML text a key stands. `tomllib` gives values without places."""

import re

Path = tuple[str | int, ...]
"""Keys from the outermost table to a value's own, with a number for each array of tables."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([\w\-. \"']+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*([\w\-. \"']+?)\s*=")


class Lines:
    """The lines of one text's tables and keys."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}
        self._read(text)

    def of(self, path: Path) -> int | None:
        """The line of the key, or of the nearest table or key around it; None if there is none.

        Without the numbers of an array's tables, the first that has such a key is meant.
        """
        plain: dict[Path, int] = {}
        for place, line in self._lines.items():
            plain.setdefault(tuple(key for key in place if not isinstance(key, int)), line)
        while path:
            if found := self._lines.get(path) or plain.get(path):
                return found
            path = path[:-1]
        return None

    def _read(self, text: str) -> None:
        table: Path = ()
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.match(line):
                table = self._opened(_keys(header[2]), many=header[1] == "[[")
                self._lines.setdefault(table, number)
            elif key := _KEY.match(line):
                self._lines.setdefault((*table, *_keys(key[1])), number)

    def _opened(self, keys: Path, *, many: bool) -> Path:
        path: Path = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            last = place == len(keys) - 1
            if last and many:
                self._tables[path] = self._tables.get(path, -1) + 1
            if path in self._tables:
                path = (*path, self._tables[path])
        return path


def _keys(dotted: str) -> Path:
    return tuple(key.strip().strip("\"'") for key in dotted.split("."))

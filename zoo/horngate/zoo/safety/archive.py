"""`.keras` archives: the members that Keras writes, each once, each of an honest size."""

import re
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator

from horngate.zoo.safety.findings import Danger, Finding
from horngate.zoo.safety.limits import Limits

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
_EXPECTED = ("metadata.json", CONFIG, WEIGHTS)
_ASSETS = re.compile(r"assets/([\w .()+-]+/)*[\w .()+-]*")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST = 10_000


def examine_archive(archive: zipfile.ZipFile, limits: Limits, stored_bytes: int) -> Iterator[Finding]:
    """What is unsafe in the list of an archive's members. Nothing is unpacked."""
    members = archive.infolist()
    if len(members) > _MOST:
        yield _finding("the archive", f"has {len(members):,} members; expected at most {_MOST:,}")
        return
    for name, count in Counter(member.filename.lower() for member in members).items():
        if count > 1:
            yield _finding(f"member {name!r}", f"is there {count} times; expected once")
    for member in members:
        yield from _member(member, limits)
    total = sum(member.file_size for member in members)
    if total > limits.inflated(stored_bytes):
        yield _finding(
            "the archive",
            f"would unpack to {total:,} bytes from {stored_bytes:,}; expected at most "
            f"{limits.inflated(stored_bytes):,}",
            Danger.SIZE,
        )


def _member(member: zipfile.ZipInfo, limits: Limits) -> Iterator[Finding]:
    # The name as it stands in the file: zipfile itself makes some of them look harmless.
    name, where = member.orig_filename, f"member {member.orig_filename!r}"
    if member.flag_bits & 1:
        yield _finding(where, "is encrypted; expected a plain one")
    if stat.S_ISLNK(member.external_attr >> 16):
        yield _finding(where, "is a symbolic link, which could lead anywhere; expected a file")
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        yield _finding(where, "has an absolute path; expected a name inside the archive")
    elif ".." in re.split(r"[/\\]", name):
        yield _finding(where, "leads out of the archive; expected a name inside it")
    elif name not in _EXPECTED and not _ASSETS.fullmatch(name):
        yield _finding(where, f"is unexpected; Keras writes {', '.join(_EXPECTED)} and assets/")
    if member.compress_type not in _METHODS:
        yield _finding(where, f"is packed by method {member.compress_type}; expected stored or deflated")
    if member.file_size > limits.inflated(member.compress_size):
        yield _finding(
            where,
            f"would unpack to {member.file_size:,} bytes from {member.compress_size:,}; expected at most "
            f"{limits.inflated(member.compress_size):,}",
            Danger.SIZE,
        )


def _finding(where: str, what: str, danger: Danger = Danger.ARCHIVE) -> Finding:
    return Finding(
        danger=danger, where=where, what=what, remedy="save the model again with Keras (model.save)"
    )

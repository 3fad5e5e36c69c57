"""A file inspected in a process of its own, behind walls: what is damaged by intent can hang or crash libhdf5."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from horngate.contract.errors import LoadError
from horngate.zoo.safety import Danger, Finding, Findings, Permission

if TYPE_CHECKING:
    from horngate.zoo.inspection.history import History

PATIENCE_S = 60.0
MEMORY_BYTES = 4 << 30
_LAST_WORDS = 500
_FORBID = Permission()


def inspect_apart(
    path: Path, patience_s: float = PATIENCE_S, permission: Permission = _FORBID
) -> dict[str, Any]:
    """The report, the upgrade's steps and the findings, in plain form. LoadError: the file cannot be read.

    Where reading it hangs, crashes or takes too much, that is told as what is unsafe in it.
    """
    with tempfile.TemporaryDirectory(prefix="horngate-inspect-") as scratch:
        module = [sys.executable, "-m", "horngate.zoo.inspection.apart"]
        allowed = json.dumps([permission.allow_code, *sorted(permission.custom_objects)])
        command = [*module, str(path.absolute()), scratch, str(patience_s), allowed]
        try:
            done = subprocess.run(command, capture_output=True, timeout=patience_s, check=False)
        except subprocess.TimeoutExpired:
            return _ended(path, f"keeps whoever reads it busy for more than {patience_s:g} s")
    if done.returncode < 0:
        return _ended(path, f"crashes whoever reads it ({signal.Signals(-done.returncode).name})")
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        words = done.stderr[-_LAST_WORDS:].decode(errors="replace").strip()
        raise LoadError(f"'{path}' could not be inspected: {words}") from None
    if "error" in told:
        raise LoadError(told["error"].replace(str(path.absolute()), str(path)))
    return told | {"file": str(path)}


def _ended(path: Path, what: str) -> dict[str, Any]:
    """All that can be told of a file that no process survives reading."""
    finding = Finding(
        danger=Danger.CRASH,
        where="the file",
        what=what,
        remedy="it is damaged, or made to do that: copy it again",
    )
    return {"file": str(path), "file_bytes": path.stat().st_size, "unsafe": [finding.to_json()], "notes": []}


def _told(path: Path, permission: Permission) -> dict[str, Any]:
    """What the process finds; runs nothing of the file."""
    from horngate.zoo.inspection.large_rows import large_rows
    from horngate.zoo.inspection.report import inspect
    from horngate.zoo.safety import examine

    try:
        report = inspect(path)
        findings = examine(path, permission=permission)
    except MemoryError:
        return {"error": f"'{path}' takes more than {MEMORY_BYTES >> 20} MiB to read; is it damaged?"}
    except LoadError as error:
        return {"error": str(error)}
    history = _history(path, findings)
    findings = Findings.of((*findings.all, *large_rows(history.inferred.shapes)))
    return report.with_inferred(history.inferred).to_json() | history.to_json() | findings.to_json()


def _history(path: Path, findings: Findings) -> "History":
    """What else would be read of the file is read only where its structure is sound."""
    from horngate.zoo.inspection.history import History, history_of

    sound = {finding.danger for finding in findings.unsafe} <= {Danger.CODE, Danger.NAME, Danger.PATH}
    return history_of(path) if sound else History()


def main() -> None:
    """`python -m horngate.zoo.inspection.apart FILE SCRATCH SECONDS ALLOWED`."""
    from horngate.zoo.walls import limit, raise_walls

    path, scratch = Path(sys.argv[1]), Path(sys.argv[2])
    tempfile.tempdir = str(scratch)
    # The weights of an archive are unpacked to be looked at.
    files = max(MEMORY_BYTES, 2 * path.stat().st_size) if path.exists() else MEMORY_BYTES
    limit(memory_bytes=MEMORY_BYTES, cpu_s=int(float(sys.argv[3])) + 1, file_bytes=files)
    raise_walls(readable=[path], writable=[scratch])
    allow_code, *names = json.loads(sys.argv[4])
    permission = Permission(allow_code=allow_code, custom_objects=frozenset(names))
    print(json.dumps(_told(path, permission)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()

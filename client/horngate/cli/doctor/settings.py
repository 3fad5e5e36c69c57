"""The server's configuration: what it is, and what is wrong in it."""

from collections.abc import Iterator

from horngate.cli.doctor.finding import Finding, State
from horngate.server.config.checking import faults_of_settings
from horngate.server.config.effective import DEFAULT, Effective

AREA = "Settings"


def setting_findings(found: Effective) -> Iterator[Finding]:
    """What is set otherwise than by default, and each fault."""
    given = [f"{key} ({one.origin})" for key, one in found.found.items() if one.origin != DEFAULT]
    yield Finding(area=AREA, name="given", found=", ".join(given) or "nothing; all defaults")
    for fault in faults_of_settings(found):
        harmless = fault in found.warnings
        yield Finding(
            area=AREA,
            name="wrong",
            found=fault,
            state=State.WARNING if harmless else State.FAULT,
            remedy="`horngate config show` tells where each value comes from",
        )

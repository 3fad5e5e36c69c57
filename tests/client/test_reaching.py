"""The flags that say where a command's server is, and what its client then shows it."""

import argparse

import pytest

from horngate.client.reaching import TOKEN_VARIABLE, add_server_arguments, check_own, connect
from horngate.contract.errors import InvalidRequest


def parsed(*flags, own=False):
    parser = argparse.ArgumentParser()
    add_server_arguments(parser.add_argument, timeout_s=5.0, own=own)
    return parser.parse_args(flags)


def test_the_token_is_the_flag_s_or_the_environment_s(monkeypatch):
    for given, flags, shown in (
        ("", (), ()),
        ("env", (), (("authorization", "Bearer env"),)),
        ("env", ("--token", "flag"), (("authorization", "Bearer flag"),)),
    ):
        monkeypatch.setenv(TOKEN_VARIABLE, given)
        with connect(parsed(*flags)) as client:
            assert client._session.metadata == shown


def test_a_server_of_one_s_own_takes_no_flags_of_another():
    check_own(parsed(own=True))
    check_own(parsed("--server", "host:1", "--tls", "--token", "t", own=True))
    with pytest.raises(InvalidRequest, match="--token, --tls: that is for a server that runs"):
        check_own(parsed("--tls", "--token", "t", own=True))


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--tls-key", "k"), "both --tls-certificate and --tls-key"),
        (("--tls-ca", "nowhere.pem"), "TLS: .*nowhere.pem"),
    ],
)
def test_files_that_do_not_do_are_explained(flags, says):
    with pytest.raises(InvalidRequest, match=says):
        connect(parsed(*flags))

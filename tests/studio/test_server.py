"""The port is this server's alone from the moment that it has it."""

import pytest

from energan.studio.server import _listening
from energan.utils.errors import UserError


def test_two_servers_do_not_share_a_port() -> None:
    with _listening(0) as first, pytest.raises(UserError, match="is taken"):
        _listening(first.getsockname()[1])


@pytest.mark.parametrize("port", [-1, 70_000])
def test_what_is_no_port_is_told(port: int) -> None:
    with pytest.raises(UserError, match=str(port)):
        _listening(port)

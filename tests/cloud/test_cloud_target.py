"""Plaintext goes to this machine and nowhere else; google is imported when it is needed and not before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget
from console.errors import SettingsError, UnavailableError


@pytest.mark.parametrize("endpoint", ["127.0.0.1:8085", "localhost:1", "127.5.0.9:65535", "[::1]:8085"])
def test_loopback_is_accepted(endpoint: str) -> None:
    CloudTarget("demo", "us-central1", endpoint).check()


@pytest.mark.parametrize(
    "endpoint",
    ["10.0.0.1:80", "example.com:443", "run.googleapis.com:443", "127.0.0.1.nip.io:80", "0.0.0.0:80", "[fe80::1]:80"],
)
async def test_plaintext_to_another_machine_is_refused_before_anything_is_sent(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        await Cloud.connect(CloudTarget("demo", "us-central1", endpoint), SystemClock())


@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1", "::1:8085", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:0", "127.0.0.1:99999", ""]
)
def test_an_address_that_is_none_gets_the_form_it_should_have(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="HOST:PORT"):
        CloudTarget("demo", "us-central1", endpoint).check()


def test_importing_the_adapters_imports_no_google_client() -> None:
    script = (
        "import sys, console.cloud, console.cloud.client, console.cloud.run, console.cloud.logs, console.cloud.metrics,"
        " console.cloud.doctor, console.session\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('google', 'grpc', 'proto', 'httpx', 'textual')])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_grpc_is_told_to_keep_quiet_before_it_is_imported() -> None:
    script = (
        "import sys, os\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'grpc':\n"
        "            print(os.environ.get('GRPC_VERBOSITY'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "import console.cloud.connection\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "NONE"


async def test_where_nobody_listens_the_operator_is_told_to_start_the_simulator() -> None:
    cloud = await Cloud.connect(CloudTarget("demo", "us-central1", "127.0.0.1:9"), SystemClock())
    try:
        with pytest.raises(UnavailableError):
            await cloud.run.get_service("wa-backend")
        assert not cloud.channel_ready()
    finally:
        await cloud.close()


async def test_on_loopback_we_are_whom_we_say() -> None:
    cloud = await Cloud.connect(
        CloudTarget("demo", "us-central1", "127.0.0.1:9", email="maria@acme.example"), SystemClock()
    )
    assert await cloud.identity() == "maria@acme.example"
    await cloud.close()

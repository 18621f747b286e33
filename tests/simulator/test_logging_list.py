"""ListLogEntries and WriteLogEntries, asked by Google's own client."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.logging_v2.types import LogEntry

from console.simulator.entries import Kept
from tests.simulator.simulated_cloud import CANARY, OF_SERVICE, PROJECT, REQUESTS, STABLE, START, Cloud, cloud

TEN_PERCENT = {STABLE: 90, CANARY: 10}


def between(low: float, high: float) -> str:
    """A filter on the seconds after the start."""
    stamps = [(START + timedelta(seconds=s)).isoformat() for s in (low, high)]
    return f' AND timestamp>="{stamps[0]}" AND timestamp<"{stamps[1]}"'


def later(sim: Cloud, seconds: float) -> None:
    sim.clock.set_now(sim.clock.now() + seconds)


async def test_an_entry_of_a_request_has_the_shape_that_cloud_run_gives_it() -> None:
    async with cloud() as sim:
        later(sim, 20)
        entries = await sim.listed(REQUESTS + between(0, 5))
        assert len(entries) == pytest.approx(1500, abs=200)
        entry = entries[0]
        assert entry.log_name == "projects/demo/logs/run.googleapis.com%2Frequests"
        assert entry.resource.type == "cloud_run_revision"
        assert dict(entry.resource.labels) == {
            "project_id": "demo",
            "service_name": "wa-backend",
            "revision_name": STABLE,
            "location": "us-central1",
            "configuration_name": "wa-backend",
        }
        http = entry.http_request
        assert http.request_method in ("GET", "POST")
        assert http.request_url.startswith("https://wa-backend")
        assert http.user_agent
        assert http.remote_ip.startswith("31.13.")
        assert http.response_size > 0
        assert entry.trace.startswith("projects/demo/traces/")
        assert len(entry.trace.rpartition("/")[2]) == 32
        for one in entries:
            took = one.http_request.latency.ToNanoseconds()
            delay = one.receive_timestamp.ToNanoseconds() - one.timestamp.ToNanoseconds() - took
            assert 0 < delay < 3 * 10**9, "received once it has ended, and a bit later"
            status = one.http_request.status
            assert one.severity == (500 if status >= 500 else 400 if status >= 400 else 200)
        assert len({one.insert_id for one in entries}) == len(entries)


async def test_failed_requests_leave_error_lines_of_the_same_trace_as_customers_write() -> None:
    async with cloud("broken-canary") as sim:
        sim.traffic.split_changed("wa-backend", sim.traffic.start, TEN_PERCENT)
        later(sim, 20)
        requests = await sim.listed(REQUESTS + " AND httpRequest.status>=500" + between(0, 5))
        lines = await sim.listed(OF_SERVICE + ' AND log_id("run.googleapis.com/stderr")' + between(0, 5))
        assert {line.trace for line in lines} == {request.trace for request in requests}
        assert all(line.severity == 500 for line in lines)
        assert len(lines) == 2 * len(requests)
        chatter = await sim.listed(OF_SERVICE + ' AND log_id("run.googleapis.com/stdout")' + between(0, 10))
        text = " ".join(line.text_payload or line.json_payload["message"] for line in chatter)
        assert "ñ" in text or "í" in text or "¿" in text
        assert any(ord(character) > 0x1F000 for character in text)
        assert {line.severity for line in chatter} == {200, 400}


async def test_the_same_seed_lists_the_same_entries() -> None:
    found = []
    for _run in range(2):
        async with cloud("bad-canary", seed=5) as sim:
            sim.traffic.split_changed("wa-backend", sim.traffic.start + 3, TEN_PERCENT)
            later(sim, 20)
            found.append([entry.SerializeToString(deterministic=True) for entry in await sim.listed(between(0, 6)[5:])])
    assert found[0] == found[1]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_pages_give_each_entry_once_and_in_order(newest_first: bool) -> None:
    async with cloud() as sim:
        later(sim, 20)
        wanted = OF_SERVICE + between(0, 3)
        whole = await sim.listed(wanted, newest_first=newest_first)
        stamps = [entry.timestamp.ToNanoseconds() for entry in whole]
        assert stamps == sorted(stamps, reverse=newest_first)
        paged = await sim.listed(wanted, newest_first=newest_first, page=37)
        assert [entry.insert_id for entry in paged] == [entry.insert_id for entry in whole]
        assert len(whole) > 800


async def test_nothing_is_listed_before_it_is_received() -> None:
    async with cloud() as sim:
        later(sim, 30)
        now = sim.clock.now()
        newest = (await sim.listed(REQUESTS, newest_first=True, limit=50))[0]
        assert newest.receive_timestamp.ToNanoseconds() / 1e9 <= now + 1
        assert newest.timestamp.ToNanoseconds() / 1e9 > now - 2


async def test_the_last_day_can_be_listed_right_after_the_start_and_nothing_before_it() -> None:
    async with cloud() as sim:
        assert len(await sim.listed(REQUESTS + between(-86_000, -85_999.5))) > 50
        assert await sim.listed(REQUESTS + between(-90_000, -86_401)) == []
        assert await sim.listed(OF_SERVICE + f' AND resource.labels.revision_name="{CANARY}"') == []


async def test_a_rare_entry_of_yesterday_is_found_page_by_page() -> None:
    async with cloud("quiet-service") as sim:
        wanted = f"{REQUESTS} AND httpRequest.status=504 AND severity>=ERROR"
        found = await sim.listed(wanted, newest_first=True, limit=3, page=3)
        assert len(found) == 3


async def test_entries_that_were_kept_stand_between_those_of_the_traffic() -> None:
    async with cloud() as sim:
        later(sim, 3)
        sim.book.append_request(
            "wa-backend",
            CANARY,
            method="POST",
            url="http://127.0.0.1:1/webhook",
            status=200,
            latency_s=0.01,
            user_agent="curl",
        )
        later(sim, 5)
        found = await sim.listed(REQUESTS + between(0, 6))
        stamps = [entry.timestamp.ToNanoseconds() for entry in found]
        assert stamps == sorted(stamps)
        (mine,) = [entry for entry in found if entry.resource.labels["revision_name"] == CANARY]
        assert mine.http_request.user_agent == "curl"
        assert 0 < found.index(mine) < len(found) - 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resource_names": []}, "resource_names"),
        ({"resource_names": ["nothing"]}, "projects/"),
        ({"order_by": "severity"}, "order_by"),
        ({"page_size": -1}, "page_size"),
        ({"filter": "severity>=ERROR AND"}, "line 1, column 20"),
        ({"page_token": "nonsense"}, "page_token"),
        ({"page_token": base64.urlsafe_b64encode(b"[1,2]").decode()}, "page_token"),
    ],
)
async def test_a_wrong_request_is_an_invalid_argument(change: dict[str, Any], words: str) -> None:
    async with cloud() as sim:
        with pytest.raises(exceptions.InvalidArgument, match=words):
            await sim.logging.list_log_entries(request={"resource_names": PROJECT} | change, retry=None)


async def test_a_page_token_belongs_to_its_request() -> None:
    async with cloud() as sim:
        later(sim, 5)
        request = {"resource_names": PROJECT, "filter": REQUESTS, "page_size": 5}
        pager = await sim.logging.list_log_entries(request=request, retry=None)
        token = pager.next_page_token
        assert token
        with pytest.raises(exceptions.InvalidArgument, match="doesn't match"):
            await sim.logging.list_log_entries(request=request | {"filter": "", "page_token": token}, retry=None)


async def test_another_project_is_not_ours_to_read() -> None:
    async with cloud() as sim:
        with pytest.raises(exceptions.PermissionDenied):
            await sim.logging.list_log_entries(request={"resource_names": ["projects/other"]}, retry=None)


# ------------------------------------------------------------ writing


def note(text: str = "hola 🙏", **more: Any) -> LogEntry:
    return LogEntry(log_name="projects/demo/logs/canario-audit", text_payload=text, severity=300, **more)


async def write(sim: Cloud, *entries: LogEntry, **more: Any) -> None:
    request = {"entries": list(entries), "resource": {"type": "global"}} | more
    await sim.logging.write_log_entries(request=request, retry=None)


async def test_what_is_written_is_listed_with_what_was_left_out_filled_in() -> None:
    async with cloud() as sim:
        await write(sim, note(), labels={"by": "maria"})
        (found,) = await sim.listed('log_id("canario-audit") AND labels.by="maria"')
        assert found.text_payload == "hola 🙏"
        assert found.insert_id
        assert found.resource.type == "global"
        assert found.resource.labels["project_id"] == "demo"
        assert abs(found.timestamp.ToNanoseconds() / 1e9 - sim.clock.now()) < 2
        assert found.HasField("receive_timestamp")


async def test_an_entry_that_is_written_twice_is_there_once() -> None:
    async with cloud() as sim:
        entry = note(insert_id="a", timestamp=START)
        await write(sim, entry)
        await write(sim, entry)
        assert len(await sim.listed('log_id("canario-audit")')) == 1


@pytest.mark.parametrize(
    ("entry", "more", "words"),
    [
        (LogEntry(text_payload="x"), {}, "log_name"),
        (LogEntry(log_name="canario", text_payload="x"), {}, "log_name"),
        (note(), {"resource": None}, "resource"),
        (LogEntry(log_name="projects/demo/logs/a"), {}, "payload"),
        (note("x" * 300_000), {}, "limit"),
        (note(timestamp=START - timedelta(days=40)), {}, "retention"),
        (note(timestamp=START + timedelta(days=2)), {}, "future"),
    ],
)
async def test_a_wrong_entry_is_refused_and_nothing_is_kept(entry: LogEntry, more: dict[str, Any], words: str) -> None:
    async with cloud() as sim:
        with pytest.raises(exceptions.InvalidArgument, match=words):
            await write(sim, note("good"), entry, **more)
        assert await sim.listed('log_id("canario-audit")') == []


async def test_a_write_without_entries_is_refused() -> None:
    async with cloud() as sim:
        with pytest.raises(exceptions.InvalidArgument):
            await write(sim)


async def test_with_partial_success_the_good_ones_are_kept() -> None:
    async with cloud() as sim:
        with pytest.raises(exceptions.InvalidArgument):
            await write(sim, note("good"), LogEntry(log_name="projects/demo/logs/a"), partial_success=True)
        assert [entry.text_payload for entry in await sim.listed('log_id("canario-audit")')] == ["good"]


async def test_a_dry_run_keeps_nothing() -> None:
    async with cloud() as sim:
        await write(sim, note(), dry_run=True)
        assert await sim.listed('log_id("canario-audit")') == []


async def test_the_projects_logs_are_listed() -> None:
    async with cloud() as sim:
        await write(sim, note())
        pager = await sim.logging.list_logs(parent="projects/demo", retry=None)
        names = [name async for name in pager]
        assert "projects/demo/logs/canario-audit" in names
        assert "projects/demo/logs/run.googleapis.com%2Frequests" in names


async def test_kept_entries_outlive_the_process() -> None:
    async with cloud() as sim:
        await write(sim, note("before"))
        state = sim.book.export_state()
    async with cloud() as sim:
        sim.book.import_state(state)
        later(sim, 60)
        assert [entry.text_payload for entry in await sim.listed('log_id("canario-audit")')] == ["before"]


async def test_a_line_of_over_a_mebibyte_fits_through() -> None:
    async with cloud("hostile-logs") as sim:
        later(sim, 120)
        wanted = OF_SERVICE + ' AND textPayload:"mesa para dos" AND log_id("run.googleapis.com/stdout")'
        found = await sim.listed(wanted + between(0, 100))
        assert any(len(entry.text_payload.encode()) > 1024 * 1024 for entry in found)


def test_a_kept_entry_is_framed_as_the_first_field_of_a_response() -> None:
    from google.cloud.logging_v2.types import ListLogEntriesResponse

    for length in (0, 1, 100, 127, 128, 20_000):
        entry = LogEntry.pb(LogEntry(text_payload="x" * length))
        kept = Kept(0, 0, "a", entry)
        response = ListLogEntriesResponse.pb().FromString(kept.framed * 2)
        assert list(response.entries) == [entry, entry]

"""The feeds of Cloud Run and Monitoring: what is read when, and what a failure looks like."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

from console.errors import UnavailableError
from console.release.service import Revision
from console.watch.feeds import MetricsFeed, PermissionFeed, ServiceFeed
from console.watch.snapshot import FeedState
from tests.watch.fakes import CANARY, REVISIONS, STABLE, START, FakeCloud, service, settle, turn


@contextlib.asynccontextmanager
async def running(feed: ServiceFeed | MetricsFeed | PermissionFeed) -> AsyncIterator[None]:
    """The feed, running."""
    task = asyncio.create_task(feed.run())
    await settle()
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def service_feed(cloud: FakeCloud, **options: object) -> ServiceFeed:
    """A service feed on `cloud`."""
    return ServiceFeed(cloud.run, service="wa-backend", clock=cloud.clock, **options)  # type: ignore[arg-type]


async def test_the_service_is_read_each_second_and_faster_while_it_moves() -> None:
    cloud = FakeCloud()
    async with running(service_feed(cloud)):
        await turn(cloud, 10)
        settled = cloud.run.reads
        await turn(cloud, 10)
        assert 8 <= cloud.run.reads - settled <= 11
        cloud.run.service = service({CANARY: 10, STABLE: 90}, effective={STABLE: 100}, reconciling=True, generation=2)
        await turn(cloud, 2)
        settled = cloud.run.reads
        await turn(cloud, 2)
        assert cloud.run.reads - settled >= 6


async def test_our_own_write_is_shown_at_once_and_a_read_from_before_it_is_not() -> None:
    cloud = FakeCloud()
    feed = service_feed(cloud)
    async with running(feed):
        cloud.run.gate = asyncio.Event()
        await turn(cloud, 2)  # a read is under way, answered from before the write
        moved = service({CANARY: 10, STABLE: 90}, generation=2, etag="e2")
        cloud.run.service = moved
        cloud.clock.advance(0.01)
        feed.note(moved)
        assert feed.service is moved
        cloud.run.gate.set()
        await turn(cloud, 0.5)
        assert feed.service is moved
        assert feed.mover == ""


async def test_somebody_elses_move_names_them() -> None:
    cloud = FakeCloud()
    feed = service_feed(cloud)
    async with running(feed):
        cloud.run.service = service({CANARY: 50, STABLE: 50}, generation=2, etag="e2", modifier="rival@demo.example")
        await turn(cloud, 2)
        assert feed.mover == "rival@demo.example"
        feed.note(service({STABLE: 100}, generation=3, etag="e3"))
        assert feed.mover == ""


async def test_a_change_of_an_annotation_alone_is_nobodys_move() -> None:
    cloud = FakeCloud()
    feed = service_feed(cloud)
    async with running(feed):
        cloud.run.service = service(annotations={"a": "b"}, generation=2, etag="e2", modifier="rival@demo.example")
        await turn(cloud, 2)
        assert feed.service is not None
        assert feed.service.annotations == {"a": "b"}
        assert feed.mover == ""


async def test_a_broken_service_feed_is_tried_again_and_says_why() -> None:
    cloud = FakeCloud()
    feed = service_feed(cloud)
    async with running(feed):
        cloud.run.problem = UnavailableError("Cloud Run cannot be reached.")
        await turn(cloud, 3)
        health = feed.health(1.0)
        assert health.state is FeedState.DOWN
        assert health.problem == "Cloud Run cannot be reached."
        assert health.age is not None
        assert health.age >= timedelta(seconds=2)
        assert not feed.reachable()
        cloud.run.problem = None
        await turn(cloud, 3)
        assert feed.health(1.0).state is FeedState.LIVE
        assert feed.health(1.0).problem == ""
        assert feed.reachable()


async def test_revisions_that_serve_or_are_needed_are_known_beyond_the_list() -> None:
    cloud = FakeCloud()
    old = Revision("wa-backend-00001-old", created=START - timedelta(days=300), ready=True)
    newer = tuple(Revision(f"wa-backend-{n:05}-new", created=START, ready=True) for n in range(300, 100, -1))
    cloud.run.revisions = (*newer, *REVISIONS, old)
    feed = service_feed(cloud, needed=lambda: ["wa-backend-00001-old", "wa-backend-00002-gone"])
    await feed.read_service()
    revisions = {revision.name: revision for revision in await feed.read_revisions()}
    assert revisions[STABLE].ready
    assert revisions[CANARY].ready
    assert not revisions["wa-backend-00001-old"].deleted
    assert revisions["wa-backend-00002-gone"].deleted


async def test_a_new_revision_is_listed_at_once() -> None:
    cloud = FakeCloud()
    feed = service_feed(cloud)
    async with running(feed):
        await turn(cloud, 3)
        fresh = Revision("wa-backend-00043-neu", created=START, ready=True)
        cloud.run.revisions = (fresh, *REVISIONS)
        cloud.run.service = replace(service(generation=2), latest_created=fresh.name)
        await turn(cloud, 2)
        assert feed.revisions[0] == fresh


async def test_the_picture_waits_for_no_late_digest_and_takes_it_in_when_it_comes() -> None:
    cloud = FakeCloud()
    cloud.run.digest, cloud.run.digests_come = "sha256:" + "d" * 64, asyncio.Event()
    cloud.run.revisions = tuple(replace(one, image="repo/app:v1", asking=True) for one in REVISIONS)
    feed = service_feed(cloud)
    async with running(feed):
        while not feed.revisions:
            await turn(cloud, 1)
        assert all(one.asking for one in feed.revisions), "nobody is told an identity that is about to change"
        cloud.run.digests_come.set()
        await settle()
        assert {one.name: one.identity for one in feed.revisions}[STABLE] == cloud.run.digest
        assert not any(one.asking for one in feed.revisions if one.name in (STABLE, CANARY))


async def test_instances_and_the_age_of_the_newest_figure_are_known() -> None:
    cloud = FakeCloud()
    minute = timedelta(minutes=1)
    cloud.metrics.found = {
        STABLE: [(START - 3 * minute, 4.0), (START - 2 * minute, 3.0)],
        "wa-backend-00040-pol": [(START - 3 * minute, 1.0)],
    }
    feed = MetricsFeed(cloud.metrics, service="wa-backend", clock=cloud.clock, server_clock=cloud.server_clock)  # type: ignore[arg-type]
    async with running(feed):
        assert feed.instances == {STABLE: 3, "wa-backend-00040-pol": 0}
        assert feed.health(START).state is FeedState.LIVE
        assert feed.health(START).age == 2 * minute
        assert feed.health(START + 4 * minute).state is FeedState.LATE
        await turn(cloud, 29)
        assert cloud.metrics.reads == 2  # instances, and the requests of whole minutes
        await turn(cloud, 2)
        assert cloud.metrics.reads == 4
        cloud.metrics.problem = UnavailableError("Monitoring is down.")
        await turn(cloud, 31)
        assert feed.health(START).state is FeedState.DOWN
        assert feed.instances[STABLE] == 3


async def test_the_permission_is_asked_again_and_again() -> None:
    cloud = FakeCloud()

    async def newer() -> int | None:
        return 7

    feed = PermissionFeed(cloud.run, service="wa-backend", clock=cloud.clock, newer=newer)  # type: ignore[arg-type]
    async with running(feed):
        assert feed.allowed is True
        assert feed.newer == 7
        cloud.run.permissions = frozenset()
        await turn(cloud, 61)
        assert feed.allowed is False

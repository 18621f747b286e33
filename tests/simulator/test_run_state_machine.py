"""The Cloud Run state machine under random changes: what must always hold."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest
from google.cloud import run_v2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from console.simulator import rules
from console.simulator.populate import populate
from console.simulator.scenario import load_scenario
from console.simulator.status import Code, StatusError
from console.simulator.store import Store
from tests.simulator.conftest import NOON, SERVICE, targets

START = NOON.timestamp()


@given(st.lists(st.tuples(st.sampled_from(["", "s-1", "s-2", "s-3"]), st.integers(-5, 105)), max_size=5))
def test_a_split_is_taken_exactly_when_it_totals_100_of_revisions_that_exist(lines: list[tuple[str, int]]) -> None:
    traffic = targets(*((revision, percent, "") for revision, percent in lines))
    possible = not lines or (
        sum(percent for _revision, percent in lines) == 100 and all(0 <= percent <= 100 for _r, percent in lines)
    )
    known = all(revision != "s-3" for revision, _percent in lines)
    if possible and known:
        rules.check_traffic(traffic, {"s-1", "s-2"})
        return
    with pytest.raises(StatusError) as refused:
        rules.check_traffic(traffic, {"s-1", "s-2"})
    assert refused.value.code == (Code.NOT_FOUND if possible else Code.INVALID_ARGUMENT)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=6), st.booleans())
def test_shares_of_a_whole_split_total_100(cuts: list[int], latest: bool) -> None:
    edges = [0, *sorted(cuts), 100]
    lines = [(f"s-{number}", b - a, "") for number, (a, b) in enumerate(pairwise(edges))]
    if latest:
        lines[0] = ("", lines[0][1], "")
    shares = rules.shares(targets(*lines), "s-1")
    assert sum(shares.values()) == 100
    assert all(shares.values())


class _Heard:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.splits: list[dict[str, int]] = []
        self.at: list[float] = []

    def split_changed(self, service: str, at: float, shares: Mapping[str, int]) -> None:
        self.splits.append(dict(shares))
        self.at.append(at)

    def revision_created(self, service: str, revision: str, at: float) -> None:
        pass


class CloudRun(RuleBasedStateMachine):
    """Random moves, deploys, notes, deletions and breakdowns, with time passing between them."""

    @initialize(seed=st.integers(0, 99))
    def begin(self, seed: int) -> None:
        self.heard = _Heard()
        self.store = Store("demo", "us-central1", seed=seed, listener=self.heard)
        populate(self.store, load_scenario("healthy"), START)
        self.now = START
        self.record = self.store.services["wa-backend"]
        self.generation = self.record.desired.generation
        self.operations: list[str] = []
        self.made = 0

    def change(self, service: run_v2.Service, *paths: str) -> None:
        """Send a write; refusals must leave everything as it was."""
        service.name = SERVICE
        before = self.store.view(self.record)
        known = set(self.record.revisions)
        request = run_v2.UpdateServiceRequest(service=service, update_mask={"paths": list(paths)})
        try:
            operation = self.store.update_service(request, principal="a@b.c", at=self.now)
        except StatusError:
            assert self.store.view(self.record) == before
            return
        self.operations.append(operation.name)
        after = self.store.view(self.record)
        assert after.generation == before.generation + (after.etag != before.etag)
        assert list(after.traffic_statuses) == list(before.traffic_statuses)
        assert set(self.record.revisions) == known or "template" in paths

    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        names = ["", *self.record.revisions, "wa-backend-00001-nix"]
        lines = data.draw(st.lists(st.tuples(st.sampled_from(names), st.integers(0, 100)), max_size=3))
        if data.draw(st.booleans()) and lines:
            head = sum(percent for _name, percent in lines[:-1])
            lines[-1] = (lines[-1][0], 100 - head)
        tags = [(name, 0, "canary") for name in names[1:2]] if data.draw(st.booleans()) else []
        self.change(run_v2.Service(traffic=targets(*((n, p, "") for n, p in lines), *tags)), "traffic")

    @rule(tag=st.sampled_from(["good", "nostart", "missing"]), name=st.sampled_from(["", "wa-backend-00050-own"]))
    def deploy(self, tag: str, name: str) -> None:
        self.made += 1
        template = run_v2.RevisionTemplate(self.record.desired.template)
        template.containers[0].image = f"host/image:{tag}{self.made}"
        template.revision = name
        self.change(run_v2.Service(template=template), "template")

    @rule(value=st.integers(0, 3))
    def note(self, value: int) -> None:
        self.change(run_v2.Service(annotations={"canario.dev/release": str(value)}), "annotations")

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.record.revisions)))
        request = run_v2.DeleteRevisionRequest(name=f"{SERVICE}/revisions/{name}")
        exposed = self.record.exposed() | {self.record.latest_created, self.record.latest_ready}
        if name not in exposed:
            self.store.delete_revision(request, principal="a@b.c", at=self.now)
            return
        with pytest.raises(StatusError) as refused:
            self.store.delete_revision(request, principal="a@b.c", at=self.now)
        assert refused.value.code == Code.FAILED_PRECONDITION

    @rule(seconds=st.floats(0.0, 4.0))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.store.advance(self.now)

    @precondition(lambda self: self.record.pending is not None)
    @rule()
    def let_it_end(self) -> None:
        due = self.store.next_due()
        assert due is not None
        assert due <= self.now + 8
        self.now = max(self.now, due)
        self.store.advance(self.now)

    @invariant()
    def what_serves_is_whole_and_is_what_the_listener_heard(self) -> None:
        told = self.store.effective_shares("wa-backend")
        assert sum(told.values()) == 100
        assert set(told) <= set(self.record.revisions)
        if self.heard.splits:
            assert self.heard.splits[-1] == told
            assert self.heard.at == sorted(self.heard.at)

    @invariant()
    def generations_rise_and_a_settled_service_says_which_it_serves(self) -> None:
        view = self.store.view(self.record)
        assert view.generation >= self.generation
        self.generation = view.generation
        assert view.observed_generation <= view.generation
        assert view.reconciling == (self.record.pending is not None)
        state = view.terminal_condition.state
        if view.reconciling:
            assert state == run_v2.Condition.State.CONDITION_RECONCILING
            return
        assert all(self.store.operations.get(name).done for name in self.operations)
        if state == run_v2.Condition.State.CONDITION_SUCCEEDED:
            assert view.observed_generation == view.generation
            wanted = [(t.type_, t.revision, t.percent, t.tag) for t in view.traffic] or [(rules.LATEST, "", 100, "")]
            assert [(t.type_, t.revision, t.percent, t.tag) for t in view.traffic_statuses] == wanted
            assert all(self.record.revisions[name].ready for name in self.record.told)
        else:
            assert state == run_v2.Condition.State.CONDITION_FAILED
            assert view.terminal_condition.message


CloudRun.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestCloudRun = pytest.mark.filterwarnings("default")(CloudRun.TestCase)

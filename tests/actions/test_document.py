"""Every action writes its own part of the release annotation and leaves the others as they were, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from console.release.state import ANNOTATION, read_document
from tests.actions.operators import REASON, STABLE, Operator, Team, until

CANDIDATE = (
    '{"id":"2026-11-25-1005","image":"host/app:1","opened":"2026-11-25T13:05:00+03:00","opened_by":"juan@acme.example",'
    '"a_newer_field":{"b":[1,2.5,null],"a":"\\u00f1"}}'
)
DEPLOYMENT = '{"tag":"canary","image":"host/app:1","by":"juan@acme.example","at":"2026-11-25T10:04:00Z"}'


async def _baked(maria: Operator, percent: int) -> None:
    for step in (10, 50, 100):
        if step <= percent:
            await maria.actions.shift(step)
            await maria.judge(step=step)


async def _finish(maria: Operator) -> object:
    await _baked(maria, 100)
    return await maria.actions.finish()


async def _after_a_shift(maria: Operator, then: Callable[[Operator], Awaitable[Any]]) -> object:
    await maria.actions.shift(10)
    return await then(maria)


ACTIONS: dict[str, Callable[[Operator], Awaitable[Any]]] = {
    "shift": lambda maria: maria.actions.shift(10),
    "undo": lambda maria: _after_a_shift(maria, lambda one: one.actions.undo()),
    "rollback": lambda maria: _after_a_shift(maria, lambda one: one.actions.rollback()),
    "disarm": lambda maria: _after_a_shift(maria, lambda one: one.actions.set_auto_rollback(False, reason=REASON)),
    "take over": lambda maria: _after_a_shift(maria, lambda one: one.actions.take_over(reason=REASON)),
    "renew": lambda maria: _after_a_shift(maria, lambda one: one.actions.renew_lease()),
    "leave": lambda maria: _after_a_shift(maria, lambda one: one.actions.release_lease()),
    "finish": _finish,
    "deploy": lambda maria: maria.actions.deploy("host/path/app:abc123"),
}


def _part(annotation: str, name: str) -> str:
    return json.dumps(json.loads(annotation)[name], separators=(",", ":"))


@pytest.mark.parametrize("action", ACTIONS)
async def test_an_action_keeps_the_parts_it_does_not_change(team: Team, action: str) -> None:
    maria = await team.join()
    before = f'{{"version":1,"candidate":{CANDIDATE},"deployment":{DEPLOYMENT}}}'
    await maria.cloud.run.write(await maria.service(), annotations={ANNOTATION: before, "team/owner": "wa"})
    await maria.look()
    await ACTIONS[action](maria)
    annotations = (await maria.service()).annotations
    after = annotations[ANNOTATION]
    assert after != before
    assert CANDIDATE in after
    assert (DEPLOYMENT in after) == (action != "deploy")
    assert annotations["team/owner"] == "wa"
    document, problem = read_document(annotations)
    assert problem == ""
    assert (document.release is None) == (action == "deploy")


async def test_a_candidate_is_changed_without_touching_the_release_beside_it(team: Team) -> None:
    maria = await team.join()
    await maria.actions.shift(10)
    release = await maria.release()
    service = await maria.service()
    fields = json.loads(service.annotations[ANNOTATION]) | {"candidate": json.loads(CANDIDATE)}
    await maria.cloud.run.write(service, annotations={ANNOTATION: json.dumps(fields)})
    service = await maria.look()
    document = read_document(service.annotations)[0]
    assert document.candidate is not None
    assert document.release == release


async def test_a_document_nobody_can_read_stops_no_rollback_and_is_left_readable(team: Team) -> None:
    maria = await team.join()
    await maria.actions.shift(10)
    garbage = f'{{"version":9,"id":"of a newer canario","candidate":{CANDIDATE}}}'
    await maria.cloud.run.write(await maria.service(), annotations={ANNOTATION: garbage})
    await until(lambda: maria.look())
    await maria.actions.rollback()
    assert await maria.shares() == {STABLE: 100}
    document, problem = read_document((await maria.service()).annotations)
    assert problem == ""
    assert document.release is not None
    assert document.release.ended == "rolled back"
    assert CANDIDATE in (await maria.service()).annotations[ANNOTATION]

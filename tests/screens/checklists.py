"""Checklists of the packaged runbook as they stand in one moment, made by the real, pure core from made-up evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from stub import CANARY, ME, NOON, OLD, STABLE

from console.runbook.evidence import Evidence, ItemResult, Progress, Result
from console.runbook.kinds.base import Answer, ApprovalSeen, Observation, Subject
from console.runbook.load import Loaded, load_runbook
from console.runbook.progress import Checklist, Me, Running, Traits, checklist

JUAN = "juan@acme.example"
IMAGE, OLDER = "sha256:" + "a1b2c3d4" * 8, "sha256:" + "0f1e2d3c" * 8
COMMIT = "f803fad" + "0" * 33
EVERY_ROLE = frozenset({"code", "tech_lead", "on_call", "qa"})
DRIVER = Me(ME, EVERY_ROLE, drives=True, driver=ME)
READER = Me(ME, frozenset({"code"}), drives=False, driver=JUAN)
SUBJECT = Subject(
    candidate="2026-11-25-1005",
    service="wa-backend",
    commit=COMMIT,
    version="1.19.0",
    pull_request="128",
    author="carlos@acme.example",
    image=f"registry/wa-backend@{IMAGE}",
    image_id=IMAGE,
    canary=CANARY,
    stable=STABLE,
    plan="p1",
)


@cache
def loaded() -> Loaded:
    """The packaged runbook."""
    return load_runbook()


def ids() -> tuple[str, ...]:
    """Ids of its steps, in order."""
    return tuple(step.id for step in loaded().runbook.steps())


def before(own: str) -> tuple[str, ...]:
    """Ids of the steps that come before one."""
    return ids()[: ids().index(own)]


def passed(own: str, *, subject: Subject = SUBJECT, **more: Any) -> Evidence:
    """Evidence of a step that passed a minute ago."""
    step = loaded().runbook.step(own)
    assert step is not None, own
    known = Evidence(own, Result.PASSED, ME, NOON - timedelta(minutes=1), "all well", key=own)
    return replace(known, subject=subject.bound(step.bound_to), **more)


def cases(*results: str) -> tuple[ItemResult, ...]:
    """26 cases, the first ones with a result."""
    told = (*results, *([""] * (26 - len(results))))
    return tuple(
        ItemResult(
            f"UAT-{number:02d}",
            f"Reserva de prueba número {number}",
            result,
            "the hour was taken" if result in ("fail", "blocked") else "",
            critical=number <= 5,
            by="canario" if result and number <= 2 else ME if result else "",
        )
        for number, result in enumerate(told, 1)
    )


def stands(
    done: Iterable[str] = (),
    *,
    me: Me = DRIVER,
    subject: Subject = SUBJECT,
    known: Iterable[Evidence] = (),
    running: Mapping[str, Running] | None = None,
    approvals: tuple[ApprovalSeen, ...] = (),
    observations: Mapping[str, Observation] | None = None,
    now: datetime = NOON,
    **more: Any,
) -> Checklist:
    """The packaged runbook's checklist with those steps passed."""
    runbook, kinds = loaded().runbook, loaded().kinds
    evidence = {own: [passed(own)] for own in done if runbook.step(own) is not None}
    for one in known:
        evidence[one.step] = [one]
    return checklist(
        runbook,
        evidence=evidence,
        subject=subject,
        now=now,
        me=me,
        running=running or {},
        observations=observations or {},
        traits={
            own: Traits(kind.ask, kind.machine, kind.once, kind.background, kind.again) for own, kind in kinds.items()
        },
        approvals=approvals,
        **more,
    )


def fresh() -> Checklist:
    """Nothing done yet."""
    return stands(subject=Subject(service="wa-backend"), me=Me(ME, EVERY_ROLE, drives=True))


def running_tests(lines: int = 30) -> Checklist:
    """pytest under way, with output."""
    told = tuple(f"tests/test_nlu.py::test_slot_{n} PASSED [{n * 3:3d}%]" for n in range(lines))
    progress = Progress("pytest tests/ -v", 0.4, told)
    return stands(("git_current",), running={"tests": Running(ME, NOON, progress)})


def uat_half_done() -> Checklist:
    """Thirteen cases passed."""
    known = passed("uat", result=Result.PARTIAL, sentence="13 of 26 cases passed", items=cases(*(["pass"] * 13)))
    return stands(before("uat"), known=(known,))


def waiting_for_tech_lead() -> Checklist:
    """Code approved and verified, the tech lead's missing; we are a reviewer of code."""
    return stands(
        before("approve_code"),
        me=READER,
        approvals=(ApprovalSeen("code", ME, "verified"),),
        observations={
            "approve_code": Observation("passed", f"{ME}, this image and plan"),
            "approve_tech_lead": Observation("waiting", waiting_for="tech lead"),
        },
    )


def stale_after_a_new_image() -> Checklist:
    """All of staging was tested, and then another image came."""
    newer = replace(SUBJECT, image=f"registry/wa-backend@{OLDER}", image_id=OLDER)
    return stands(
        before("approve_code"),
        subject=newer,
        approvals=(
            ApprovalSeen("code", JUAN, "void", "it was given for the image @a1b2c3d4a1b2, and now it is another"),
        ),
        observations={
            "approve_code": Observation(
                "waiting", f"void: {JUAN}'s, it was given for the image @a1b2c3d4a1b2", waiting_for="code"
            ),
            "approve_tech_lead": Observation("waiting", waiting_for="tech lead"),
        },
    )


def forged() -> Checklist:
    """Somebody wrote an approval in the tech lead's name."""
    why = f"mallory@acme.example wrote it in the name of {JUAN}"
    return stands(
        before("approve_code"),
        approvals=(ApprovalSeen("tech_lead", JUAN, "forged", why),),
        observations={
            "approve_code": Observation("waiting", waiting_for="code"),
            "approve_tech_lead": Observation("failed", f"FORGED: {why}"),
        },
    )


def read_only() -> Checklist:
    """Another console drives and runs the load test."""
    return stands((*before("uat"), "uat"), me=READER, running={"load_test": Running(JUAN, NOON, ours=False)})


@cache
def rollback_book() -> Loaded:
    """The packaged runbook of the manual rollback."""
    return load_runbook(None, "rollback")


def earlier(chosen: str = "", reason: str = "") -> Evidence:
    """The earlier revisions, of which one may be chosen."""
    items = tuple(
        ItemResult(name, told, "pass" if name == chosen else "", reason if name == chosen else "", critical=doubtful)
        for name, told, doubtful in (
            (STABLE, "served 2026-11-18 12:04 to 2026-11-25 11:59 UTC, 6 d in all, up to 100 % · :1a2b3c4", False),
            (OLD, "served 2026-11-11 to 2026-11-18 UTC, 7 d in all · DOUBTFUL: migration 0007 since", True),
        )
    )
    result = Result.PASSED if chosen else Result.PARTIAL
    learned = {"back_to": chosen} if chosen else {}
    return Evidence(
        "choose_revision", result, ME, NOON, f"back to {chosen}", items=items, learned=learned, reason=reason, key="c"
    )


def going_back(*known: Evidence, now: datetime = NOON, **more: Any) -> Checklist:
    """The manual rollback's checklist with that evidence."""
    book = rollback_book()
    return checklist(
        book.runbook,
        evidence={one.step: [one] for one in known},
        subject=Subject(service="wa-backend"),
        now=now,
        me=Me(ME, EVERY_ROLE, drives=True),
        traits={own: Traits(kind.ask, kind.machine, kind.once, kind.background) for own, kind in book.kinds.items()},
        **more,
    )


class StubWalk:
    """Shaped like `Walk`: publishes what a test gives it, and records what it is asked."""

    def __init__(self, latest: Checklist, book: Loaded | None = None) -> None:
        self.latest = latest
        self.loaded = book or loaded()
        self.asked: list[tuple[object, ...]] = []
        self.answers: list[Answer] = []
        self.error: Exception | None = None
        self.then: list[Checklist] = []
        """What is published after each run, one after the other."""
        self.evidence: dict[str, Evidence] = {}
        """What a step's run comes to, where a test says it."""

    async def run(self, step: str, answer: Answer | None = None) -> Evidence:
        self.asked.append(("run", step))
        self.answers.append(answer or Answer())
        if self.error is not None:
            raise self.error
        if self.then:
            self.latest = self.then.pop(0)
        await asyncio.sleep(0)
        return self.evidence.get(step, Evidence(step, Result.PASSED, ME, NOON, "all well", key=step))

    async def skip(self, step: str, reason: str) -> None:
        self.asked.append(("skip", step, reason))

    async def cancel(self, step: str) -> None:
        self.asked.append(("cancel", step))

    async def take_over(self, reason: str = "") -> None:
        self.asked.append(("take_over", reason))

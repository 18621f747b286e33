"""A session: one environment, opened; the one place that joins cloud, watcher, journal, notifier and actions.

Commands and the headless demo use `Session` in their own event loop; the app uses `SessionThread`, which keeps one in a
thread of its own so that nothing in the cloud ever holds up a key. Imports no Google client; `Session.open` does, in
a thread. Knows no screens.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from functools import cached_property
from typing import TYPE_CHECKING, Self

from console.clock import Clock, SystemClock
from console.errors import CanarioError
from console.release.transitions import UNKNOWN_IDENTITY
from console.session_thread import SessionThread
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from console.actions import Actions, Autopilot, Settled
    from console.cloud.client import Cloud
    from console.journal import Journal
    from console.migrations.desk import MigrationDesk
    from console.notify import Message, Notifier
    from console.runbook.walk import Walk
    from console.settings import Environment, Settings
    from console.verdict.base import Judge, JudgeSettings
    from console.watch.watcher import Watcher

log = logging.getLogger("canario.session")

IDENTITY_TIMEOUT_S = 5.0
"""How long Google may take to say who we are."""

CLOSE_TIMEOUT_S = 2.0
"""How long each part may take to say goodbye."""

RESTART_AFTER_S = 1.0
"""Pause before a task that crashed is started again."""

WALK_AGAIN_S = 5.0
"""Pause before the runbook is opened again where the cloud did not answer."""


class Session:
    """One environment, opened. Made by `open`; one event loop's only, but for what is said to be readable anywhere."""

    def __init__(
        self,
        *,
        cloud: Cloud,
        watcher: Callable[[], Watcher],
        actions: Actions,
        autopilot: Callable[[Watcher], Autopilot],
        journal: Journal,
        notifier: Notifier,
        environment: Environment,
        session_id: str,
        clock: Clock,
    ) -> None:
        self.cloud = cloud
        self._make_watcher = watcher
        self.actions = actions
        self._make_autopilot = autopilot
        self.journal = journal
        self.notifier = notifier
        self.environment = environment
        self.session_id = session_id
        self.clock = clock
        self.drives = False
        """Whether this session may drive a release (renews its lease, runs the automatic rollback)."""
        self.watching = False
        """Whether the feeds run, so that what is not known yet comes by itself."""
        self.settled: tuple[Settled, ...] = ()
        """What an earlier process left unfinished, and what became of it; filled in soon after opening."""
        self.problems: dict[str, str] = {}
        """What is wrong with the session's own tasks, by task, a sentence each; empty while all is well."""
        self.walk: Walk | None = None
        """The runbook as it is walked here, once it is read; consoles only. Its `latest` is for any thread."""
        self.rollback_walk: Walk | None = None
        """The manual rollback's runbook, once somebody opens it or where one is left unfinished; as `walk`."""
        self._opening = asyncio.Lock()
        self.migrations: MigrationDesk | None = None
        """The migrations' desk; consoles only. Its `latest` is for any thread."""
        self._tasks: set[asyncio.Task[None]] = set()

    @cached_property
    def watcher(self) -> Watcher:
        """What was seen last; its `latest` may be read from any thread. Made when first asked for: no rollback asks."""
        return self._make_watcher()

    @cached_property
    def autopilot(self) -> Autopilot:
        """What drives by itself, where this session drives; made when first asked for."""
        return self._make_autopilot(self.watcher)

    @classmethod
    async def open(
        cls,
        settings: Settings,
        environment: Environment,
        *,
        endpoint: str | None = None,
        as_email: str | None = None,
        clock: Clock | None = None,
        watch: bool = True,
        drive: bool = False,
        anonymous: bool = False,
        walk: bool = True,
    ) -> Self:
        """Connect, and wire everything.

        Args:
            settings: all of them.
            environment: the one to open.
            endpoint: `HOST:PORT` of a simulator on loopback, instead of the environment's.
            as_email: on loopback, who we say we are.
            clock: the wall; the machine's where None.
            watch: run the feeds (a console); False for commands, which read what they need themselves.
            drive: run the autopilot too: lease, verdict record, automatic rollback.
            anonymous: do not wait until Google says who we are; it is found out beside what is done (a rollback).
            walk: where it watches and drives, open the runbook too; False for whoever opens one of their own, or none.

        Raises:
            SettingsError: the endpoint is not on this machine, or no project is known.
            CloudError: no credentials, or, where `watch`, the cloud cannot be reached.
        """
        from console.cloud.client import Cloud
        from console.cloud.target import CloudTarget
        from console.settings import project_for

        wall = clock or SystemClock()
        endpoint = endpoint or environment.endpoint
        project = environment.project or project_for(environment, endpoint)
        target = CloudTarget(project, environment.region, endpoint, as_email)
        cloud = await Cloud.connect(target, wall)
        who = asyncio.create_task(_who(cloud))
        try:
            if watch:
                await cloud.warm()
            session = await cls._wire(settings, environment, cloud, wall, watch=watch)
            if watch and drive:
                from console.migrations.opening import desk_of

                session.migrations = desk_of(session, settings)
            if anonymous:
                session._spawn(session._identify(who))
            else:
                await session._identify(who)
        except BaseException:
            who.cancel()
            await cloud.close()
            raise
        session._start(watch=watch, drive=drive)
        if watch and drive and walk:
            session._spawn(session._open_walk(settings))
        return session

    @classmethod
    async def _wire(
        cls, settings: Settings, environment: Environment, cloud: Cloud, clock: Clock, *, watch: bool
    ) -> Self:
        from console.actions import Actions, Autopilot
        from console.actions.outbox import JournalOutbox
        from console.journal import Journal
        from console.notify import Notifier

        rules = settings.rules(environment)
        rollback = settings.rollback_for(environment)
        session_id = secrets.token_hex(6)
        scope = f"{cloud.target.project}/{cloud.target.region}/{environment.service}"
        journal = await asyncio.to_thread(
            Journal.open, settings.journal_path(), scope=scope, session=session_id, clock=clock
        )
        slack = _LaterSlack(clock, loopback=cloud.target.endpoint is not None) if settings.notify.slack else None
        notifier = Notifier(slack)

        def make_watcher() -> Watcher:
            from console.watch.watcher import Watcher

            return Watcher(
                cloud,
                service=environment.service,
                clock=clock,
                plan=rules.plan,
                judge=_judge_factory(settings, environment),
                ring_capacity=settings.log_lines,
            )

        watcher = make_watcher() if watch else None
        actions = Actions(
            cloud=cloud,
            watcher=watcher,
            journal=journal,
            notifier=notifier,
            rules=rules,
            service=environment.service,
            identity=UNKNOWN_IDENTITY,
            session_id=session_id,
            clock=clock,
        )
        actions.auto_rollback_default = bool(rollback.automatic)
        notifier.outbox = JournalOutbox(actions.door)
        return cls(
            cloud=cloud,
            watcher=make_watcher if watcher is None else lambda: watcher,
            actions=actions,
            autopilot=lambda seen: Autopilot(
                cloud=cloud,
                watcher=seen,
                actions=actions,
                clock=clock,
                countdown_s=rollback.countdown.total_seconds(),
            ),
            journal=journal,
            notifier=notifier,
            environment=environment,
            session_id=session_id,
            clock=clock,
        )

    @property
    def identity(self) -> str:
        """E-mail that calls are made as, or `UNKNOWN_IDENTITY`. From any thread."""
        return self.actions.identity

    @property
    def simulated(self) -> bool:
        """Whether the cloud is a simulator on this machine. From any thread."""
        return self.cloud.target.endpoint is not None

    @property
    def problem(self) -> str:
        """What is wrong with the session's own tasks, in a sentence; empty while all is well. From any thread."""
        return " ".join(tuple(self.problems.values()))

    def _start(self, *, watch: bool, drive: bool) -> None:
        self.drives, self.watching = drive, watch
        self._spawn(self._settle())
        if watch:
            self._spawn(self._supervise("watcher", self.watcher.run))
            self._spawn(self._remember_messages())
        if drive:
            self._spawn(self._supervise("autopilot", self.autopilot.run))
        if self.migrations is not None:
            self._spawn(self._supervise("migrations", self.migrations.watch_ledger))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _identify(self, who: Awaitable[tuple[str, str]]) -> None:
        identity, problem = await who
        self.actions.identify(identity)
        if problem:
            self.problems["identity"] = problem

    async def _settle(self) -> None:
        try:
            self.settled = await self.actions.settle_unfinished()
        except CanarioError as error:
            self.problems["recovery"] = str(error)

    async def _remember_messages(self) -> None:
        """Show what an earlier console could not deliver."""
        from console.actions.outbox import JournalOutbox

        self.notifier.remember(await JournalOutbox(self.actions.door).load())

    async def _supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Keep one of our tasks running; it should never end, so an end is said and it is started again."""
        while True:
            try:
                await run()
                problem = _("The {task} stopped by itself; it was started again.").format(task=name)
            except Exception as error:
                log.exception("the %s crashed", name)
                problem = _("The {task} crashed ({kind}: {words}); it was started again.").format(
                    task=name, kind=type(error).__name__, words=clean(str(error), 200)
                )
            self.problems[name] = problem
            await self.clock.sleep(RESTART_AFTER_S)

    async def _open_walk(self, settings: Settings) -> None:
        """Read the runbook and stand where its release stands; tried again while the cloud does not answer."""
        from console.errors import UsageError
        from console.runbook.opening import open_deploy, rollback_unfinished

        while self.walk is None:
            try:
                self.walk = await open_deploy(self, settings)
                self.problems.pop("runbook", None)
                if await rollback_unfinished(self, settings):
                    await self.open_rollback_walk(settings)
            except UsageError as error:
                self.problems["runbook"] = str(error)
                return
            except CanarioError as error:
                self.problems["runbook"] = str(error)
                await self.clock.sleep(WALK_AGAIN_S)
            except Exception as error:
                log.exception("opening the runbook failed")
                self.problems["runbook"] = _("The runbook failed inside ({kind}: {words}); it is tried again.").format(
                    kind=type(error).__name__, words=clean(str(error), 200)
                )
                await self.clock.sleep(WALK_AGAIN_S)

    async def open_rollback_walk(self, settings: Settings) -> Walk:
        """The manual rollback's runbook, read when it is first asked for.

        Raises:
            SettingsError: the team's own is wrong.
            CloudError: the service cannot be read.
        """
        from console.runbook.opening import open_rollback

        async with self._opening:
            if self.rollback_walk is None:
                self.rollback_walk = await open_rollback(self, settings)
            return self.rollback_walk

    async def close(self) -> None:
        """Stop the tasks, leave the driver's seat, let messages out, close everything; some seconds at most."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for walk in (self.walk, self.rollback_walk):
            if walk is not None:
                await _briefly("closing the runbook", walk.close())
        if self.migrations is not None:
            await self.migrations.close()
        if self.drives:
            await _briefly("leaving the driver's seat", self.actions.release_lease())
        await _briefly("closing the actions", self.actions.close())
        await _briefly("sending messages", self.notifier.flush(CLOSE_TIMEOUT_S))
        await _briefly("closing the journal", asyncio.to_thread(self.journal.close))
        await _briefly("closing the connection", self.cloud.close())


class _LaterSlack:
    """Slack, looked up at the first message: a keyring may take its time, and a rollback must not wait for one.

    Against a simulator only a variable that names a webhook on loopback counts: a played release is no news for the
    team, and its keyring is not asked.
    """

    def __init__(self, clock: Clock, *, loopback: bool) -> None:
        self._clock = clock
        self._loopback = loopback

    async def send(self, message: Message) -> str:
        """See `console.notify.SlackWebhook.send`; empty where no webhook is known."""
        from console.notify import SlackWebhook
        from console.secrets import SECRETS, secret

        url: str | None
        if self._loopback:
            url = os.environ.get(SECRETS["slack-webhook"], "").strip()
            if not _on_loopback(url):
                return ""
        else:
            url = await asyncio.to_thread(secret, "slack-webhook")
        if not url:
            return ""
        try:
            return await SlackWebhook(url, clock=self._clock).send(message)
        except CanarioError as error:
            return str(error)


def _on_loopback(url: str) -> bool:
    from urllib.parse import urlsplit

    from console.cloud.target import is_loopback

    return is_loopback(urlsplit(url).hostname or "")


def _judge_factory(settings: Settings, environment: Environment) -> Callable[[JudgeSettings], Judge]:
    from console.verdict.joint import Drives, JointJudge
    from console.verdict.sequential import SequentialJudge
    from console.verdict.threshold import ThresholdJudge

    limits = settings.limits_for(environment)
    rollback = settings.rollback_for(environment)

    def judge(asked: JudgeSettings) -> Judge:
        rules = ThresholdJudge(
            asked.step,
            asked.bake,
            asked.minimum_requests,
            error_limit=limits.error_rate_percent / 100,
            p95_limit_ms=limits.p95_rollback.total_seconds() * 1000,
            arming_requests=rollback.minimum_requests,
            p95_target_ms=limits.p95_target.total_seconds() * 1000,
            error_lines_limit=limits.error_lines_per_minute,
        )
        engine = SequentialJudge(
            asked.step / 100,
            asked.bake,
            grace_s=int(rollback.grace.total_seconds()),
            minimum_requests=asked.minimum_requests,
        )
        return JointJudge(engine, rules, Drives(rollback.driven_by))

    return judge


async def _who(cloud: Cloud) -> tuple[str, str]:
    """Who we are, and why that is not known where it is not: no reason to refuse a rollback."""
    try:
        async with asyncio.timeout(IDENTITY_TIMEOUT_S):
            return await cloud.identity(), ""
    except CanarioError as error:
        return UNKNOWN_IDENTITY, str(error)
    except TimeoutError:
        return UNKNOWN_IDENTITY, _("Google does not say who we are; moves are signed `unknown`.")


async def _briefly(doing: str, work: Awaitable[object]) -> None:
    """Wait for `work` a little; what fails or hangs at the end is logged and left."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await work
    except (Exception, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        log.warning("%s: %r", doing, error)


__all__ = ["UNKNOWN_IDENTITY", "Session", "SessionThread"]

"""Commands that only look: `status`, `services`, `revisions`. JSON shapes: docs/json.md."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from console.commands.approving import approvals_document, approvals_line
from console.commands.output import SCHEMA, say, say_fields, say_json, say_table
from console.commands.running import Place, session_at
from console.commands.schema import schema_for
from console.errors import ExitCode
from console.release.guardrails import EnvironmentRules, duration, shares_text
from console.release.service import Revision, Service
from console.release.state import LEASE, Release, VerdictRecord, read_release
from console.release.unwatched import unwatched
from console.release.window import WindowState, moment
from console.watch.snapshot import Snapshot
from console.words import _


async def status(place: Place, *, as_json: bool) -> int:
    """What is true of the service now."""
    from console.actions.outbox import JournalOutbox

    async with session_at(place) as session:
        snapshot = await with_schema(place, await session.watcher.refresh())
        now = session.cloud.server_clock.now()
        identity = session.identity
        missed = await JournalOutbox(session.actions.door).load()
        open_one = snapshot.candidate is not None and snapshot.candidate.open
        approvals = (await session.actions.access.facts()).approvals if open_one else ()
    rules = place.settings.rules(place.environment)
    window = rules.window.state(now) if now and rules.protected else None
    target = snapshot.readiness.target
    made = next((revision.created for revision in snapshot.revisions if revision.name == target), None)
    schema = await schema_for(place.environment, made) if target else None
    if as_json:
        document = status_document(place, snapshot, window, now, identity)
        if schema is not None:
            found = {"runs": schema.runs, "sentence": schema.sentence, "warnings": schema.warnings}
            document["rollback_on_schema"] = found
        document["approvals"] = approvals_document(approvals)
        document["undelivered"] = [{"title": item.message.title, "problem": item.problem} for item in missed]
        say_json(document)
        return ExitCode.DONE
    service, release = snapshot.service, snapshot.release
    desired = service.desired_shares() if service else {}
    effective = service.effective_shares() if service else {}
    say(
        f"{place.environment.name.upper()}  {snapshot.project} / {snapshot.region} / {snapshot.service_name}  "
        + (f"{now:%a %Y-%m-%d %H:%M:%S} UTC" if now else "")
    )
    word, sentence = _verdict_words(release, desired.get(snapshot.canary or "", 0))
    sentence += _old(release, now) if word != "INCONCLUSIVE" else ""
    ready = snapshot.readiness
    way_back = _("ready → {target}").format(target=ready.target) if ready.ok else "; ".join(ready.problems)
    if window is not None:
        held = window.reason
    elif rules.protected:
        held = _("unknown: the cloud has not told its time")
    else:
        held = _("not kept here: {env} is not protected").format(env=place.environment.name)
    say_fields(
        (
            (_("window"), held),
            (_("split"), shares_text(desired)),
            (_("serving"), shares_text(effective) if desired != effective else ""),
            (_("state"), _("moving") if service and service.reconciling else service.condition if service else ""),
            (_("canary"), _of(snapshot.canary, desired)),
            (_("stable"), _of(snapshot.stable, desired)),
            (_("release"), _release_words(release) + _unwatched_words(release, desired, rules, now)),
            (_("driver"), _driver_words(release, now)),
            (_("approvals"), approvals_line(approvals)),
            (_("auto"), _auto_words(release)),
            (_("verdict"), f"{word}: {sentence}" if snapshot.canary else ""),
            (_("rollback"), way_back),
            (_("schema"), " ".join((schema.sentence, *schema.warnings)) if schema is not None else ""),
            (_("warnings"), "; ".join(ready.warnings)),
            (_("problem"), snapshot.release_problem),
            *((_("not sent"), f"{item.message.title} ({item.problem})") for item in missed),
        )
    )
    return ExitCode.DONE


async def with_schema(place: Place, snapshot: Snapshot) -> Snapshot:
    """`snapshot`, its rollback warned of migrations that the revision behind it may not survive.

    Asks the environment's database, where one is set, for some seconds at most.
    """
    if place.environment.database is None or snapshot.readiness.target is None:
        return snapshot
    from console.commands.migrations_ground import Target, addresses
    from console.migrations.database import make_database
    from console.migrations.looking import compatibility

    made = next((one.created for one in snapshot.revisions if one.name == snapshot.readiness.target), None)
    address, _replicas = addresses(place.environment, Target())
    found = await compatibility(make_database(address), made)
    if found.runs:
        return snapshot
    warnings = (*snapshot.readiness.warnings, found.sentence, *found.warnings)
    return replace(snapshot, readiness=replace(snapshot.readiness, warnings=warnings))


def status_document(
    place: Place, snapshot: Snapshot, window: WindowState | None, now: datetime | None, identity: str
) -> dict[str, object]:
    """`canario status --json` (docs/json.md)."""
    service, release = snapshot.service, snapshot.release
    desired = service.desired_shares() if service else {}
    word, sentence = _verdict_words(release, desired.get(snapshot.canary or "", 0))
    record = release.verdict if release else None
    return {
        "schema": SCHEMA,
        "environment": place.environment.name,
        "protected": place.environment.protected,
        "project": snapshot.project,
        "region": snapshot.region,
        "service": snapshot.service_name,
        "identity": identity,
        "server_time": now,
        "window": window
        and {
            "open": window.open,
            "reason": window.reason,
            "opens_at": window.opens_at,
            "closes_at": window.closes_at,
        },
        "traffic": {"desired": desired, "effective": service.effective_shares() if service else {}},
        "tags": dict(service.traffic.tags()) if service else {},
        "reconciling": bool(service and service.reconciling),
        "ready": bool(service and service.ready),
        "canary": snapshot.canary,
        "stable": snapshot.stable,
        "release": release_document(release) if release else None,
        "verdict": {
            "word": word,
            "sentence": sentence,
            "at": record.at if record else None,
            "step": record.step if record else None,
            "bake_done": bool(record and record.bake_done),
            "requests": record.requests if record else 0,
            "errors": record.errors if record else 0,
        }
        if snapshot.canary
        else None,
        "rollback": {
            "ready": snapshot.readiness.ok,
            "target": snapshot.readiness.target,
            "problems": snapshot.readiness.problems,
            "warnings": snapshot.readiness.warnings,
        },
    }


def release_document(release: Release) -> dict[str, object]:
    """A release as JSON documents have it."""
    return {
        "id": release.id,
        "canary": release.canary,
        "stable": release.stable,
        "baseline": release.baseline_shares(),
        "step": release.step,
        "started": release.started,
        "started_by": release.started_by,
        "driver": {"email": release.driver.email, "expires": release.driver.expires} if release.driver else None,
        "automatic_rollback": release.auto_rollback,
        "ended": release.ended,
        "ended_at": release.ended_at,
        "rolled_back": [mark.revision for mark in release.rolled_back],
    }


async def services(place: Place, *, as_json: bool) -> int:
    """Every service of the environment's project and region, with its split and release."""
    async with session_at(place) as session:
        found = await session.cloud.run.list_services()
    if as_json:
        say_json({"schema": SCHEMA, "services": [service_document(service) for service in found]})
        return ExitCode.DONE
    if not found:
        say(
            _("No services in {project} / {region}.").format(
                project=place.environment.project, region=place.environment.region
            )
        )
        return ExitCode.DONE
    say_table(
        (_("service"), _("split"), _("release"), _("last change"), _("by")),
        [
            (
                service.name,
                shares_text(service.desired_shares()) + (" (" + _("moving") + ")" if service.reconciling else ""),
                _release_words(read_release(service.annotations)[0]) or "-",
                _time(service.updated),
                service.last_modifier or "-",
            )
            for service in found
        ],
    )
    return ExitCode.DONE


def service_document(service: Service) -> dict[str, object]:
    """A service in `canario services --json`."""
    release = read_release(service.annotations)[0]
    return {
        "name": service.name,
        "uri": service.uri,
        "desired": service.desired_shares(),
        "effective": service.effective_shares(),
        "reconciling": service.reconciling,
        "ready": service.ready,
        "release": release_document(release) if release else None,
        "last_modifier": service.last_modifier,
        "updated": service.updated,
    }


async def revisions(place: Place, *, as_json: bool, limit: int) -> int:
    """The service's revisions, newest first."""
    name = place.environment.service
    async with session_at(place) as session:
        service, found = await asyncio.gather(
            session.cloud.run.get_service(name), session.cloud.run.list_revisions(name, limit=limit)
        )
    if as_json:
        say_json({"schema": SCHEMA, "service": name, "revisions": [revision_document(r, service) for r in found]})
        return ExitCode.DONE
    if not found:
        say(_("{service} has no revisions.").format(service=name))
        return ExitCode.DONE
    desired, effective = service.desired_shares(), service.effective_shares()
    tags = _tags_by_revision(service)
    say_table(
        (_("revision"), _("tag"), _("image"), _("created"), _("ready"), _("want"), _("have")),
        [
            (
                revision.name,
                ", ".join(tags.get(revision.name, ())) or "-",
                revision.image_label or "-",
                _time(revision.created),
                _("yes") if revision.ready else revision.reason or _("no"),
                f"{desired.get(revision.name, 0)} %",
                f"{effective.get(revision.name, 0)} %",
            )
            for revision in found
        ],
    )
    return ExitCode.DONE


def revision_document(revision: Revision, service: Service) -> dict[str, object]:
    """A revision in `canario revisions --json`."""
    return {
        "name": revision.name,
        "image": revision.image,
        "digest": revision.digest or None,
        "created": revision.created,
        "ready": revision.ready,
        "reason": revision.reason or None,
        "tags": _tags_by_revision(service).get(revision.name, []),
        "desired": service.desired_shares().get(revision.name, 0),
        "effective": service.effective_shares().get(revision.name, 0),
        "min_instances": revision.min_instances,
    }


def _tags_by_revision(service: Service) -> dict[str, list[str]]:
    tags: dict[str, list[str]] = {}
    for tag, revision in service.traffic.tags():
        if revision:
            tags.setdefault(revision, []).append(tag)
    return tags


def _verdict_words(release: Release | None, percent: int) -> tuple[str, str]:
    """The verdict that the driving console recorded of the canary's present share, or how to get one."""
    if percent == 0:
        return "INCONCLUSIVE", _("the canary has no traffic yet")
    record: VerdictRecord | None = release.verdict if release and release.under_way else None
    if record is None or record.step != percent:
        return "INCONCLUSIVE", _("no console has judged the canary at {percent} %: keep `canario` open").format(
            percent=percent
        )
    return record.word, record.sentence


def _old(release: Release | None, now: datetime | None) -> str:
    """How old the recorded verdict is, where no living console stands behind it any more."""
    record = release.verdict if release else None
    if record is None or now is None or now - record.at <= LEASE:
        return ""
    return _(" (said {age} ago; nobody has judged since)").format(age=duration(now - record.at))


def _of(revision: str | None, shares: dict[str, int]) -> str:
    return f"{revision}  {shares.get(revision, 0)} %" if revision else ""


def _release_words(release: Release | None) -> str:
    if release is None:
        return ""
    if release.ended:
        return _("{canary}: {ended} {at}").format(
            canary=release.canary, ended=ended_word(release.ended), at=_time(release.ended_at)
        )
    return _("{canary} at {step} %, begun {at} by {who}").format(
        canary=release.canary, step=release.step, at=_time(release.started), who=release.started_by
    )


def _unwatched_words(
    release: Release | None, desired: dict[str, int], rules: EnvironmentRules, now: datetime | None
) -> str:
    """That a release at 100 % counts as ended though nobody watched its bake; else empty."""
    if release is None or now is None:
        return ""
    if not unwatched(release, desired.get(release.canary, 0), rules.plan, now):
        return ""
    return _(" (ended, unwatched: at 100 % for {age}, and nobody watched its bake)").format(
        age=duration(now - release.moved_at)
    )


def ended_word(ended: str) -> str:
    """How a release ended, in a word or two, translated."""
    return {
        "promoted": _("promoted"),
        "promoted unwatched": _("promoted, its bake unwatched"),
        "rolled back": _("rolled back"),
        "abandoned": _("abandoned"),
    }.get(ended, ended)


def _driver_words(release: Release | None, now: datetime | None) -> str:
    if release is None or not release.under_way or release.driver is None:
        return ""
    driver = release.driver
    if now is None:
        return driver.email
    if driver.expires <= now:
        return _("{email}, whose lease ran out {ago} ago").format(
            email=driver.email, ago=duration(now - driver.expires)
        )
    return _("{email}, lease until {at}").format(email=driver.email, at=moment(driver.expires))


def _auto_words(release: Release | None) -> str:
    if release is None or not release.under_way:
        return ""
    if release.auto_rollback:
        return _("automatic rollback armed, while a driving console is open")
    return _("automatic rollback disarmed")


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "-"

"""What the demo adds to the project's pages: a strip with its clock on each, a person who is signed
in, and an address to begin at."""

import re
from collections.abc import Callable
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import include, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from f1picks.demo.story import BELGIUM, DECIDED, HOUR, MOMENTS, OPERATOR, SEASON, Moment, Story
from ingestion.models import Alarm, Change, Event
from ingestion.story import describe_change

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# In the environment that the server gives to each request.
STORY = "f1picks.demo.story"
BACKEND = "django.contrib.auth.backends.ModelBackend"
# After the link that skips to the content, which stays the first of a page.
TOP = re.compile(rb"<body[^>]*>(\s*<a [^>]*skip-to-content[^>]*>.*?</a>)?", re.DOTALL)
# A step shows so many lines of what has happened; the rest is in the feed.
LINES = 8


def story_of(request: HttpRequest) -> Story:
    story: Story = request.META[STORY]
    return story


def signed_in(get_response: GetResponse) -> GetResponse:
    """Middleware: whoever comes is the operator. The server answers on this machine alone."""

    def sign_in(request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_authenticated:
            operator = get_user_model().objects.get(username=OPERATOR)
            login(request, operator, backend=BACKEND)
        return get_response(request)

    return sign_in


def with_strip(get_response: GetResponse) -> GetResponse:
    """Middleware: puts the strip on each page."""

    def add_strip(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if isinstance(response, HttpResponse) and is_page:
            strip = render_strip(request).encode()
            response.content = TOP.sub(lambda top: top[0] + strip, response.content, count=1)
            if "Content-Length" in response.headers:
                response.headers["Content-Length"] = str(len(response.content))
        return response

    return add_strip


def render_strip(request: HttpRequest) -> str:
    now = story_of(request).clock.read()
    race = Event.objects.get(season=SEASON, grand_prix=BELGIUM, session_type="race")
    moment = [one for one in MOMENTS if one.at <= now][-1]
    if moment is MOMENTS[-1] and not race.has_open_proposal:
        was_proposed = Change.objects.filter(event=race, kind=Change.Kind.PROPOSED).exists()
        moment = DECIDED if was_proposed else moment
    following = next((one for one in MOMENTS if one.at > now), None)
    facts = {
        "now": now,
        "moment": moment,
        "page": find_page(moment, race),
        "following": following if following and following.at > now + HOUR else None,
        "here": request.get_full_path() if request.method == "GET" else reverse("weekend"),
    }
    return render_to_string("demo/strip.html", facts, request=request)


def find_page(moment: Moment, race: Event) -> str:
    if moment.page == "alarms":
        return reverse("admin:ingestion_alarm_changelist")
    return reverse("admin:ingestion_event_change", args=[race.pk])


@require_POST
def pass_time(request: HttpRequest) -> HttpResponseRedirect:
    """An hour, or until the next moment. A second click on the same page is none."""
    story = story_of(request)
    seen = datetime.fromisoformat(request.POST["seen"])
    following = next((one.at for one in MOMENTS if one.at > seen), seen + HOUR)
    last = Change.objects.order_by("pk").last()
    if story.pass_time(seen, following if "until_next" in request.POST else seen + HOUR):
        lines = [line for _at, line in describe_step(seen, last.pk if last else 0)]
        for line in lines[:LINES]:
            messages.info(request, line)
        if len(lines) > LINES:
            messages.info(request, f"... and {len(lines) - LINES} more: see the feed.")
        if not lines:
            messages.info(request, "Nothing happened.")
    return back(request)


def describe_step(since: datetime, last: int) -> list[tuple[datetime, str]]:
    """What has happened after that time, and after that entry of the feed; in order."""
    now = timezone.now()
    raised = Alarm.objects.filter(raised_at__gt=since)
    cleared = Alarm.objects.filter(cleared_at__gt=since)
    closed = Event.objects.filter(locks_at__gt=since, locks_at__lte=now).exclude(
        status=Event.Status.CANCELLED
    )
    changes = Change.objects.filter(pk__gt=last).for_story().order_by("pk")
    steps: list[tuple[Any, str]] = [
        *((alarm.raised_at, f"Alarm: {alarm.title}") for alarm in raised),
        *((alarm.cleared_at, f"The alarm is over: {alarm.title}") for alarm in cleared),
        *((event.locks_at, link(event, "picks are closed")) for event in closed),
        *((one.created_at, link(one.event, describe_change(one))) for one in changes),
    ]
    return [
        (when, format_html("{} {}", f"{when:%H:%M}", text))
        for when, text in sorted(steps, key=itemgetter(0))
    ]


def link(event: Event, text: str) -> str:
    page = reverse("admin:ingestion_event_change", args=[event.pk])
    return format_html('<a href="{}">{}</a>: {}', page, event, text)


@require_POST
def begin_again(request: HttpRequest) -> HttpResponseRedirect:
    story_of(request).begin_again()
    return redirect("weekend")


def back(request: HttpRequest) -> HttpResponseRedirect:
    here = request.POST.get("here", "")
    is_ours = url_has_allowed_host_and_scheme(here, allowed_hosts={request.get_host()})
    return redirect(here if is_ours else "weekend")


def show_weekend(_request: HttpRequest) -> HttpResponseRedirect:
    return redirect("admin:ingestion_season_page", SEASON)


admin.site.site_header = admin.site.site_title = "F1 Picks, demo"

urlpatterns = [
    path("", show_weekend, name="weekend"),
    path("demo/later/", pass_time, name="later"),
    path("demo/start-over/", begin_again, name="start_over"),
    path("", include("f1picks.urls")),
]

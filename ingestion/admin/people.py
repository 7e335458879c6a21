"""Who is signed in."""

from typing import TYPE_CHECKING, cast

from django.http import HttpRequest

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def person_of(request: HttpRequest) -> "User":
    """The admin's pages are for people who signed in; whatever the project's model of them."""
    return cast("User", request.user)

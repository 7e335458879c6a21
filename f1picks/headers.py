"""What browsers are told beside Django's own security headers."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# The admin's scripts and styles are all files of its own; some of its pictures are data: addresses.
DIRECTIVES = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
POLICY = "; ".join(f"{name} {sources}" for name, sources in DIRECTIVES.items())
Answering = Callable[[HttpRequest], HttpResponseBase]


def content_security_policy(get_response: Answering) -> Answering:
    """Middleware: whatever text gets into a page, no browser runs it."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        # Django's own page about an error in DEBUG has its script and style within.
        if not settings.DEBUG:
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return answer

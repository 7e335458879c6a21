"""`{{ at|instant }}` and `{{ sentence|instants }}`: UTC, with the operator's own time beside it;
`{{ reason|linked }}`: its addresses as links."""

from datetime import datetime

from django import template
from django.utils.safestring import SafeString

register = template.Library()

# Django imports each library with its first template, the admin installed or not: so late.


@register.filter
def instant(at: datetime | None) -> SafeString:
    from ingestion.admin.times import show_instant

    return show_instant(at)


@register.filter
def linked(text: object) -> SafeString:
    from ingestion.admin.comparison import link_addresses

    return link_addresses(str(text))


@register.filter
def instants(text: object) -> SafeString:
    from ingestion.admin.times import show_instants

    return show_instants(str(text))

"""The stranger's own admin. Django's default one is neither used nor mounted anywhere."""

from django.contrib.admin import AdminSite

from ingestion.admin import register


class Office(AdminSite):
    site_header = "The shop's office"


site = Office(name="office")
register(site)

"""Commands whose --help has examples and exit codes."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class DocumentedCommand(BaseCommand):
    """`epilog` stands in --help as it is written."""

    epilog = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name,
            subcommand,
            epilog=self.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **kwargs,
        )

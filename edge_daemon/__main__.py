"""Entry point: the command line, with each failure as one message and an exit code."""

import sys

from edge_daemon import log
from edge_daemon.errors import EdgeError


def main() -> None:
    """Run the command line and exit."""
    from edge_daemon.cli.app import app

    try:
        app()
    except EdgeError as error:
        log.complain(str(error))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()

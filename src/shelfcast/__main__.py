"""`python -m shelfcast` and the `shelfcast` command."""

from __future__ import annotations


def main() -> None:
    from shelfcast.entrypoints.cli.app import run

    run()


if __name__ == "__main__":
    main()

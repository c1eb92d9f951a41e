"""`python -m ib_cli` is `ib-train`."""

from ib_cli.main import main

if __name__ == "__main__":
    main()

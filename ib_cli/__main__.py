"""`python -m ib_cli` is `ib-train`."""

from ib_cli.commands import train

if __name__ == "__main__":
    train()

"""A command is kept without its secrets, and otherwise as it was."""

from __future__ import annotations

import shlex

import pytest

from ib_cli.config.told_command import told_command


@pytest.mark.parametrize(
    "word",
    [
        "+hydra.job.env_set.WANDB_API_KEY=s3cr3t",
        "hydra.job.env_set={WANDB: s3cr3t}",
        "hydra.job.env_set.ANYTHING=s3cr3t",
        "+tracker.api_key=s3cr3t",
        "+tracker.apiKey='s3cr3t'",
        "my.token=s3cr3t",
        "++my.db-password=s3cr3t",
        "+tracker={entity: me, api_key: s3cr3t}",
        "+tracker={'password':'s3cr3t','entity':me}",
        "+hydra={job:{env_set:{A:s3cr3t}}}",
        "dataset.root=https://me:s3cr3t@host/data",
        "--config-dir=https://s3cr3t@host/data",
    ],
)
def test_secrets_are_hidden(word: str) -> None:
    told = told_command(["ib-train", word, "seed=1"])
    assert "s3cr3t" not in told and "***" in told and told.startswith("ib-train ") and told.endswith(" seed=1")


@pytest.mark.parametrize(
    "word",
    ["gamma=1e-2", "-m", "seed=range(5)", "dataset.path=a b.npz", "monkey=1", "tokens=5", "keyboard.layout=2", "~sweep",
     "+x={a: 1, keys: 2}", "dataset.root=s3://bucket/data", "name=author"],
)  # fmt: skip
def test_all_else_stays(word: str) -> None:
    assert shlex.split(told_command(["ib-train", word])) == ["ib-train", word]


@pytest.mark.parametrize(
    "word, told",
    [
        ("name='1e-3'", "\"name='1e-3'\""),  # as a person would quote it
        ("gamma=logspace(-4,0,9)", "'gamma=logspace(-4,0,9)'"),
        ("name='$HOME'", "'name='\"'\"'$HOME'\"'\"''"),  # which a shell would read within double quotes
        ("name='a!'", "'name='\"'\"'a!'\"'\"''"),
    ],
)
def test_quotes_for_a_shell(word: str, told: str) -> None:
    assert told_command(["ib-train", word]) == f"ib-train {told}"
    assert shlex.split(f"ib-train {told}") == ["ib-train", word]

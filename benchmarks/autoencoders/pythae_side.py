"""The other side: one of pythae's models, trained by pythae's trainer. It runs in an environment of its own.

    python pythae_side.py JOB        # JOB: JSON with the model, its settings and the file of the data

Reads words from standard input and answers each with a line: `epoch` trains for one and answers the seconds of the
processor; any other word is a file to write the parameters to. Nothing of ours is imported here.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

import numpy as np
import pythae.models
import pythae.trainers
import torch
from pythae.data.datasets import BaseDataset
from pythae.models.nn.default_architectures import Decoder_AE_MLP
from torch import nn


class LinearDecoder(Decoder_AE_MLP):
    """pythae's perceptron without the last sigmoid: the mean of a Gaussian law."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.layers[-1] = nn.Sequential(self.layers[-1][0])


def trainer_of(job: dict[str, Any], folder: str) -> Any:
    """A trainer, ready for its first epoch."""
    images = torch.from_numpy(np.load(job["data"])["train"]).float() / 255
    config = getattr(pythae.models, job["config"])(
        input_dim=tuple(images.shape[1:]), latent_dim=job["size"], **job["settings"]
    )
    torch.manual_seed(job["seed"])
    own = {"decoder": LinearDecoder(config)} if job["linear"] else {}
    model = getattr(pythae.models, job["model"])(config, **own)
    training = getattr(pythae.trainers, f"{job['trainer']}Config")(
        output_dir=folder, per_device_train_batch_size=job["batch"], num_epochs=job["epochs"], seed=job["seed"],
        keep_best_on_train=True, **job["training"],
    )  # fmt: skip
    data = BaseDataset(images, torch.ones(len(images)))
    trainer = getattr(pythae.trainers, job["trainer"])(model, data, training_config=training)
    trainer.prepare_training()
    trainer.callback_handler.on_train_begin(training_config=training, model_config=model.model_config)
    return trainer


def epoch(trainer: Any, number: int) -> float:
    """Processor seconds of an epoch of its steps, with pythae's own progress bar."""
    training, handler = trainer.training_config, trainer.callback_handler
    begin = time.process_time()
    handler.on_epoch_begin(training_config=training, epoch=number, train_loader=trainer.train_loader, eval_loader=None)
    trainer.train_step(number)
    handler.on_epoch_end(training_config=training)
    return time.process_time() - begin


def main() -> None:
    """Answer words until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # pythae prints
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        trainer, done = trainer_of(json.loads(sys.argv[1]), folder), 0
        for line in sys.stdin:
            word = line.strip()
            if word == "epoch":
                done += 1
                print(epoch(trainer, done), file=answers, flush=True)
            else:
                np.savez(word, **{name: value.numpy() for name, value in trainer.model.state_dict().items()})
                print("written", file=answers, flush=True)


if __name__ == "__main__":
    main()

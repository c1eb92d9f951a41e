"""The known word that a typed one stands for: other letters, other spellings, other programs' names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

ALIKE, ALIKE_SHORT = 0.7, 0.66  # least likeness of a misspelt word, and of one of three letters, as difflib measures it
GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "λ": "lambda", "ρ": "rho", "σ": "sigma"}
# Words of other programs and papers → our keys, groups and options; without separators, in small letters.
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "lr": ("optimizer.lr",),
    "learningrate": ("lr", "optimizer.lr"),
    "wd": ("weight_decay", "optimizer.weight_decay"),
    "l2": ("weight_decay", "optimizer.weight_decay"),
    **dict.fromkeys(("numepoch", "nepoch", "maxepoch", "trainepoch", "totalepoch", "trainingepoch"), ("epochs",)),
    **dict.fromkeys(("bs", "batch", "minibatch", "minibatchsize", "trainbatchsize"), ("batch_size",)),
    **dict.fromkeys(("testbatchsize", "evalbatch", "validationbatchsize"), ("eval_batch_size",)),
    **dict.fromkeys(
        ("latentdim", "latentsize", "latent", "zdim", "zsize", "dimz", "k", "codesize", "bottleneckdim",
         "dim", "dimension", "embeddingdim", "latentdimension", "ncode", "ncategorie"), ("size", "bottleneck.size"),
    ),
    **dict.fromkeys(
        ("hidden", "hiddensize", "hiddendim", "hiddenlayer", "hiddenunit", "layer", "layersize", "unit", "hiddenwidth"),
        ("widths", "architecture.widths"),
    ),
    **dict.fromkeys(("datadir", "dataroot", "datapath", "datasetroot", "datafolder", "root"), ("root", "dataset.root")),
    **dict.fromkeys(
        ("outputdir", "outdir", "savedir", "logdir", "out", "resultdir", "outputfolder", "outputpath", "savepath"),
        ("output",),
    ),
    **dict.fromkeys(("study", "experiment", "expname", "experimentname", "runname", "studyname", "tag"), ("name",)),
    **dict.fromkeys(("randomseed", "manualseed", "rngseed", "rng", "randomstate"), ("seed",)),
    **dict.fromkeys(("lam", "lambd", "lmbda", "lamda", "lmbd"), ("lambda",)),
    **dict.fromkeys(("gpu", "cuda", "accelerator"), ("device",)),
    **dict.fromkeys(("gradclip", "gradientclip", "maxgradnorm", "gradientclipval", "clipnorm"), ("clip",)),
    **dict.fromkeys(("amp", "dtype", "mixedprecision"), ("precision",)),
    **dict.fromkeys(("numthread", "nthread", "ncpu"), ("threads",)),
    **dict.fromkeys(("ema", "polyak", "emadecay"), ("averaging",)),
    **dict.fromkeys(("nsample", "numsample", "mcsample"), ("samples",)),
    **dict.fromkeys(("plot", "picture", "figure"), ("figures",)),
    **dict.fromkeys(("overwrite", "force", "restart"), ("rerun",)),
    **dict.fromkeys(
        ("valsplit", "valsize", "validationsplit", "split", "holdout", "valfraction", "validationfraction", "valratio"),
        ("validation_size", "dataset.validation_size"),
    ),
    **dict.fromkeys(("verbose", "verbosity", "traceback", "debugging", "debugmode", "stacktrace"), ("debug",)),
    **dict.fromkeys(("earlystopping", "earlystop"), ("patience", "procedure.patience")),
    **dict.fromkeys(("warmupepoch", "warmupstep"), ("warmup", "schedule.warmup")),
    **dict.fromkeys(("loss", "criterion", "lossfunction", "lossfn", "method", "lagrangian"), ("objective",)),
    **dict.fromkeys(("model", "net", "network", "arch", "encoder", "backbone"), ("architecture",)),
    **dict.fromkeys(("data", "ds", "datum"), ("dataset",)),
    **dict.fromkeys(("optim", "opt", "solver"), ("optimizer",)),
    **dict.fromkeys(("scheduler", "lrscheduler", "lrschedule"), ("schedule",)),
    **dict.fromkeys(("prior", "marginalprior"), ("marginal",)),
    **dict.fromkeys(("head", "clf"), ("classifier",)),
    **dict.fromkeys(("generator",), ("decoder",)),
    **dict.fromkeys(("posterior", "latenttype"), ("bottleneck",)),
    **dict.fromkeys(("logger", "logging", "monitor"), ("tracker",)),
    **dict.fromkeys(("estimator", "mi", "miestimator"), ("estimators",)),
    **dict.fromkeys(("launcher", "hydralauncher"), ("hydra/launcher",)),
    **dict.fromkeys(("sweeper", "hydrasweeper"), ("hydra/sweeper",)),
    **dict.fromkeys(("crossentropy", "xent", "classification", "supervised"), ("ce",)),
    **dict.fromkeys(("variationalinformationbottleneck", "informationbottleneck"), ("vib",)),
    **dict.fromkeys(("fmnist", "fashion"), ("fashion_mnist",)),
    **dict.fromkeys(("pmnist",), ("permuted_mnist",)),
    **dict.fromkeys(("weight", "term", "coefficient"), ("minimise", "weights")),
    **dict.fromkeys(("tb",), ("tensorboard",)),
    **dict.fromkeys(("wb", "wnb", "wanb", "weightandbiase", "weightbiase"), ("wandb",)),
    **dict.fromkeys(("weightsandbiase", "weightsbiase", "weightsnbiase"), ("wandb",)),
    **dict.fromkeys(("fc", "dense", "fullyconnected", "perceptron"), ("mlp",)),
    **dict.fromkeys(("conv", "convnet", "lenet"), ("cnn",)),
    **dict.fromkeys(
        ("normal", "gaussian", "standardgaussian", "stdnormal", "isotropicgaussian"), ("standard_normal", "gaussian")
    ),
    **dict.fromkeys(("mog", "gmm", "mixture"), ("mixture_of_gaussians",)),
    **dict.fromkeys(("off", "no", "false", "null", "disabled"), ("none",)),
    **dict.fromkeys(("parallel", "process", "joblib", "multiprocessing", "submititlocal"), ("local",)),
    **dict.fromkeys(("submitit", "submititslurm", "cluster"), ("slurm",)),
    **dict.fromkeys(("vmap", "together", "batched", "stacked"), ("vectorized",)),
    **dict.fromkeys(("serial", "basic"), ("sequential",)),
}  # fmt: skip

# Near in spelling to a word that does the opposite: dry_run is not rerun.
LIKE_NONE = frozenset(("dryrun", "dry"))


def squashed(word: str) -> str:
    """A word without what people vary: case, separators, British endings, a plural's s, accents, Greek letters."""
    word = "".join(GREEK.get(letter, letter) for letter in unicodedata.normalize("NFKC", word))
    word = re.sub(r"[\W_]", "", word.casefold())
    word = re.sub(r"is(?=e|ing|ation|er)", "iz", word).replace("our", "or")
    return word[:-1] if word.endswith("s") and len(word) > 3 and not word.endswith("ss") else word


def same_word(word: str, known: Iterable[str]) -> list[str]:
    """The known words that differ from a typed one in spelling only, or that other programs call by it."""
    known = list(known)
    wanted = squashed(word)
    found = [each for each in known if squashed(each) == wanted]
    others = [each for each in OTHER_NAMES.get(wanted, ()) if each in known]
    return others or found if len(word) == 1 and word not in known else found or others  # K is not k


def near_word(word: str, known: Iterable[str]) -> str | None:
    """The known word that a typed one most likely stands for; None where none is near."""
    known = list(dict.fromkeys(known))
    if same := same_word(word, known):
        return same[0]
    if squashed(word) in LIKE_NONE:
        return None
    wanted, letters = squashed(word), {squashed(each): each for each in reversed(known)}
    if len(wanted) > 3 and (longer := [each for each in letters if each.startswith(wanted)]):
        return letters[min(longer, key=len)]
    if alike := get_close_matches(wanted, letters, n=1, cutoff=ALIKE_SHORT if len(wanted) < 4 else ALIKE):
        return letters[alike[0]]
    within = [each for each in letters if len(min(each, wanted, key=len)) > 2 and (each in wanted or wanted in each)]
    return letters[min(within, key=lambda each: abs(len(each) - len(wanted)))] if within else None

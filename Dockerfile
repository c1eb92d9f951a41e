# ib-train on a GPU or CPU node:
#   docker build -t ib-train . && mkdir -p outputs data
#   docker run --rm --gpus all -u "$(id -u):$(id -g)" -v "$PWD/outputs:/work/outputs" -v "$PWD/data:/work/data" \
#     ib-train objective=vib dataset=mnist
# BASE is any image with Python 3.10 to 3.12; torch's wheels bring the CUDA libraries with them.
ARG BASE=python:3.12-slim
FROM ${BASE}

# torch first, in a layer of its own: it is nearly all of the image and stays when the source changes.
COPY constraints.txt /opt/ib-train/
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir -c /opt/ib-train/constraints.txt torch torchvision
COPY . /opt/ib-train
RUN /opt/venv/bin/pip install --no-cache-dir -c /opt/ib-train/constraints.txt '/opt/ib-train[tensorboard]'
ENV PATH=/opt/venv/bin:$PATH

# Any user may run it (docker run -u): matplotlib and wandb need a home that can be written.
ENV HOME=/tmp

# Runs lie in /work/outputs and data sets in /work/data: mount folders there to keep them.
WORKDIR /work
# Ctrl-C and `docker stop` reach ib-train itself, which saves and says how to go on.
STOPSIGNAL SIGTERM
ENTRYPOINT ["ib-train"]

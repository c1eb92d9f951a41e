# ib-train in a container, for a GPU or CPU node: the commands stand in docs/containers.md.
#
# BASE: any image of Debian with Python 3.10 to 3.13.
ARG BASE=python:3.12.12-slim-bookworm

# What setup.cfg requires, as a file of its own: other changes of setup.cfg keep the layer of the dependencies.
FROM ${BASE} AS requirements
COPY setup.cfg /
RUN python3 -c 'from configparser import ConfigParser; c = ConfigParser(interpolation=None); c.read("/setup.cfg"); \
    print(c["options"]["install_requires"], c["options.extras_require"]["tensorboard"], c["options.extras_require"]["local"])' > /requirements.txt

FROM ${BASE}

# tini is process 1 and hands signals on: a process 1 of its own would not hear a SIGTERM before Python is up.
# g++ is what compile=true calls on a CPU; COMPILER= leaves it out, which saves some 200 MB.
ARG COMPILER=g++
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini ${COMPILER} \
    && rm -rf /var/lib/apt/lists/*

# The dependencies, in a layer of their own: nearly all of the image, and kept when the source changes.
# DEVICE=cpu refuses CUDA's wheels; TORCH_INDEX is the address of torch's wheels for CPUs.
ARG DEVICE=cuda
ARG TORCH_INDEX=
COPY constraints.txt /opt/ib-train/
COPY --from=requirements /requirements.txt /opt/ib-train/
RUN python3 -m venv /opt/venv \
    && cd /opt/ib-train \
    && /opt/venv/bin/pip install --no-cache-dir -c constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch torchvision \
    && if [ "$DEVICE" = cpu ] && ls -d /opt/venv/lib/python3*/site-packages/nvidia 2>/dev/null; then \
         echo "DEVICE=cpu got CUDA's wheels: add --build-arg TORCH_INDEX=ADDRESS of torch's wheels for CPUs" >&2; exit 1; \
       fi \
    && /opt/venv/bin/pip install --no-cache-dir -c constraints.txt -r requirements.txt
COPY . /opt/ib-train
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps /opt/ib-train
ENV PATH=/opt/venv/bin:$PATH

# An ordinary user by default, and any other by `docker run -u`: matplotlib and wandb need a home that each can write.
# Runs lie in /work/outputs, data sets in /work/data: mount folders there to keep them.
ENV HOME=/home/ib
RUN useradd --uid 1000 --home-dir /home/ib --no-create-home ib \
    && mkdir -p /home/ib /work/outputs /work/data \
    && chmod 1777 /home/ib /work /work/outputs /work/data
USER 1000
WORKDIR /work

# Ctrl-C and `docker stop` reach ib-train, which saves and says how to go on.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "ib-train"]

# docker build --target cpu|cuda -t energan .        (docs/install.md#docker)
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS wheel
WORKDIR /source
COPY pyproject.toml MANIFEST.in README.md LICENSE ./
COPY energan energan
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

# A user whose home anybody may write, so that `docker run --user "$(id -u)"` works: files in a mounted folder are then yours.
FROM python:${PYTHON}-slim AS base
RUN useradd --create-home --uid 1000 energan && chmod 0777 /home/energan && mkdir --mode 0777 /work
ENV HOME=/home/energan USER=energan PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /work

# The index's own builds of torch for Linux bring CUDA; the host gives its driver (docker run --gpus all).
FROM base AS cuda
ARG TORCH=2.15.0
ARG EXTRAS=train
RUN pip install "torch==${TORCH}"
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install "energan[${EXTRAS}] @ file://$(echo /wheels/*.whl)"
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000
ENTRYPOINT ["energan"]
CMD ["--help"]

# PIP_EXTRA_INDEX_URL: the address that pytorch.org shows for CPU; without it this image has CUDA, too.
FROM base AS cpu
ARG TORCH=2.15.0
ARG PIP_EXTRA_INDEX_URL
ARG EXTRAS=train
RUN pip install "torch==${TORCH}"
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install "energan[${EXTRAS}] @ file://$(echo /wheels/*.whl)"
USER 1000
ENTRYPOINT ["energan"]
CMD ["--help"]

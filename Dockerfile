# syntax=docker/dockerfile:1
# Targets: cpu, gpu. Any Debian 12 image serves as base; the service runs on the Python of that base.
#   docker build --target cpu --tag vreid .
# Offline: --build-context wheels=FOLDER --build-arg PIP_NO_INDEX=1 (deploy/image/wheels.sh fills FOLDER).
ARG BASE_IMAGE=debian:12-slim

FROM scratch AS wheels

FROM ${BASE_IMAGE} AS builder
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /opt/build \
 && python3 -m venv --without-pip /opt/vreid
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY deploy/image/requirements.py deploy/image/
ARG PIP_NO_INDEX=
ENV PIP_NO_INDEX=${PIP_NO_INDEX} PIP_FIND_LINKS=/wheels PIP_ONLY_BINARY=:all: \
    PIP_CONSTRAINT=/source/constraints.txt PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The venv of the final stage has no pip of its own: the builder's fills it from outside.
RUN --mount=type=bind,from=wheels,target=/wheels \
    python3 deploy/image/requirements.py --build > build.txt \
 && /opt/build/bin/pip install --requirement build.txt

FROM builder AS package
COPY vreid vreid
COPY service service
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist .

FROM builder AS cpu-environment
RUN --mount=type=bind,from=wheels,target=/wheels \
    python3 deploy/image/requirements.py service cpu > cpu.txt \
 && /opt/build/bin/pip --python /opt/vreid/bin/python install --requirement cpu.txt
# Of OpenVINO only the processor's plugin and the reader of ONNX files are used: 75 MB less.
RUN cd /opt/vreid/lib/python3.11/site-packages/openvino/libs \
 && rm cache.json libopenvino_intel_gpu_plugin.so libopenvino_intel_npu_plugin.so \
    libopenvino_gguf_frontend.so.* libopenvino_jax_frontend.so.* libopenvino_paddle_frontend.so.* \
    libopenvino_pytorch_frontend.so.* libopenvino_tensorflow_frontend.so.* \
    libopenvino_tensorflow_lite_frontend.so.*
COPY --from=package /dist /dist
RUN /opt/build/bin/pip --python /opt/vreid/bin/python install --no-deps /dist/*.whl

FROM ${BASE_IMAGE} AS runtime
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
 && groupadd --system --gid 10001 vreid \
 && useradd --system --uid 10001 --gid vreid --home-dir /data --no-create-home vreid \
 && install --directory --owner vreid --group vreid /data
COPY deploy/image/healthcheck.py /opt/healthcheck.py
# The service refuses to listen beyond the container until whoever runs it sets VREID_ALLOW_OPEN=1.
ENV PATH=/opt/vreid/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1 \
    VREID_HOST=0.0.0.0 VREID_PORT=8000 VREID_GALLERY=/data/gallery XDG_CACHE_HOME=/data/cache
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "/opt/healthcheck.py"]
ENTRYPOINT ["tini", "--", "vreid"]
CMD ["serve"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title="vreid" \
      org.opencontainers.image.description="Vehicle retrieval over RGB, near infrared and thermal infrared" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}"

FROM runtime AS cpu
COPY --from=cpu-environment /opt/vreid /opt/vreid

FROM builder AS gpu-environment
RUN --mount=type=bind,from=wheels,target=/wheels \
    python3 deploy/image/requirements.py service gpu > gpu.txt \
 && /opt/build/bin/pip --python /opt/vreid/bin/python install --requirement gpu.txt
COPY --from=package /dist /dist
RUN /opt/build/bin/pip --python /opt/vreid/bin/python install --no-deps /dist/*.whl

# CUDA and cuDNN come as wheels beside onnxruntime-gpu, so the base needs nothing but the host's driver.
FROM runtime AS gpu
COPY --from=gpu-environment /opt/vreid /opt/vreid
ENV LD_LIBRARY_PATH=/opt/vreid/lib/python3.11/site-packages/nvidia/cu13/lib:/opt/vreid/lib/python3.11/site-packages/nvidia/cudnn/lib \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    VREID_ENGINE=onnxruntime-cuda

# The image of one service, or of the gateway:
#   docker build --build-arg SERVICE=kpi --tag merit-kpi .
# It runs as a user of its own on a read-only root, and no shell is needed in it. What it is to do comes as arguments:
# `services.kpi api`, `services.kpi worker`, `gateway serve`, ...
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
ARG SERVICE
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 UV_LINK_MODE=copy
WORKDIR /build
COPY tools/uv.lock tools/uv.lock
RUN pip install --require-hashes -r tools/uv.lock
COPY pyproject.toml requirements.lock ./
COPY tools/image.py tools/image.py
RUN python tools/image.py pins > pins.txt \
    && uv venv /opt/venv \
    && uv pip install --python /opt/venv/bin/python --compile-bytecode --require-hashes -r pins.txt -c requirements.lock
COPY contracts contracts
COPY chassis chassis
COPY services services
COPY gateway gateway
RUN python tools/image.py parts "${SERVICE}" /opt/merit && python -m compileall -q /opt/merit

FROM python:${PYTHON}
ARG SERVICE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="merit-${SERVICE}" \
      org.opencontainers.image.description="Merit: sales performance and incentives on top of any CRM; its part ${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/merit /opt/merit
# GATEWAY_PORT: one port for every container; HOME: libraries look there, and the user has none
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 GATEWAY_PORT=8000 HOME=/tmp
WORKDIR /opt/merit
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
ENTRYPOINT ["python", "-m"]

# syntax=docker/dockerfile:1
#
#   docker build -t horngate .
#   docker run -p 8000:8000 -p 8001:8001 -p 8002:8002 -v "$PWD/models:/models:ro" horngate
#
# Mount a volume at /cache to keep the built artifacts: a restart then needs no second build.

FROM python:3.12.12-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/horngate
WORKDIR /src
COPY . .
RUN /opt/horngate/bin/pip install ".[server]"

FROM python:3.12.12-slim-bookworm
COPY --from=build /opt/horngate /opt/horngate
RUN useradd --system --uid 10001 --create-home horngate \
    && install --directory --owner=horngate /models /cache
ENV PATH=/opt/horngate/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s CMD \
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8002/healthz/ready', timeout=2)"]
ENTRYPOINT ["horngate"]
CMD ["serve", "/models", "--host", "0.0.0.0", "--cache", "/cache"]

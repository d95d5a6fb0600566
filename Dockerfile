# syntax=docker/dockerfile:1
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN python -m venv /opt/exporter \
 && /opt/exporter/bin/pip install --no-cache-dir ".[grpc]"

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="managed-auth-exporter" \
      org.opencontainers.image.description="Kernel managed auth login flows as Prometheus metrics and OpenTelemetry traces" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/exporter /opt/exporter
ENV PATH=/opt/exporter/bin:$PATH PYTHONUNBUFFERED=1
# A new volume mounted here belongs to the user: -v managed-auth:/data ... run --data-dir /data
RUN install -d -m 700 -o 65534 -g 65534 /data
USER 65534:65534
EXPOSE 10464
HEALTHCHECK --interval=15s --timeout=3s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:10464/-/healthy', timeout=2)"]
ENTRYPOINT ["managed-auth-exporter"]
CMD ["run"]

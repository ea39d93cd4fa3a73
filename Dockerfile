# syntax=docker/dockerfile:1
# The serving image: what scores tickets, and nothing that trains.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/triage
# The dependencies first: they change less often than the code.
COPY pyproject.toml constraints.txt README.md LICENSE triage.py ./
COPY features/__init__.py features/
COPY training/__init__.py training/
COPY serving/__init__.py serving/
RUN /opt/triage/bin/pip install -c constraints.txt ".[serving,encoder]"
COPY features features
COPY training training
COPY serving serving
RUN /opt/triage/bin/pip install --no-deps --force-reinstall .

FROM python:3.11-slim-bookworm
# LightGBM's library needs OpenMP.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home triage \
    && install -d -o triage -g triage /var/lib/triage
COPY --from=build /opt/triage /opt/triage
ENV PATH=/opt/triage/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TRIAGE_VAR_DIR=/var/lib/triage \
    TRIAGE_HOST=0.0.0.0 \
    TRIAGE_PORT=8000
USER triage
WORKDIR /var/lib/triage
VOLUME /var/lib/triage
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['TRIAGE_PORT']}/livez\", timeout=2)"]
ENTRYPOINT ["triage"]
CMD ["serve"]

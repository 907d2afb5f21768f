# `lineage serve`, as nobody in particular: docker build --tag lineage-graph:0.1.0 .

FROM python:3.12.8-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY lineage ./lineage
COPY producers ./producers
COPY graph ./graph
RUN python -m venv /opt/lineage \
    && /opt/lineage/bin/pip install --no-cache-dir --disable-pip-version-check '.[server,postgres,signing]'

FROM python:3.12.8-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin lineage \
    && install --directory --owner=10001 --group=10001 /data
COPY --from=build /opt/lineage /opt/lineage
ENV PATH=/opt/lineage/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LINEAGE_STORE=/data/lineage.db \
    LINEAGE_OUTBOX=/data/outbox
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=5 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5000/healthcheck', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["lineage"]
CMD ["serve", "--host", "0.0.0.0", "--port", "5000"]

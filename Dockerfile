# A virtual environment with the pinned dependencies and one wheel; nothing else joins the base.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# Dependencies first: this layer changes only when the pins do.
COPY requirements/run.txt requirements/build.txt requirements/
RUN python -m venv --without-pip /opt/thanoxy \
 && pip --python /opt/thanoxy/bin/python install --only-binary=:all: --require-hashes -r requirements/run.txt \
 && pip install --only-binary=:all: --require-hashes -r requirements/build.txt

COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && pip --python /opt/thanoxy/bin/python install --no-deps --no-index /wheels/*.whl \
 && python -m compileall -q /opt/thanoxy/lib \
 && mkdir /kept

FROM python:3.13-slim
COPY --from=build /opt/thanoxy /opt/thanoxy
# For --cache.dir: a fresh volume mounted here takes over whose it is.
COPY --from=build --chown=65532:65532 /kept /var/cache/thanoxy
# A read-only root and any user will do: only /tmp (with --workers above 1: what they count, and what they
# keep unless --cache.dir says where) and the folder of --cache.dir are written.
# A flag wins over THANOXY_HTTP_ADDRESS, but only the variable moves the health check too.
ENV PATH=/opt/thanoxy/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    THANOXY_HTTP_ADDRESS=0.0.0.0:10912
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 10912
# It speaks plain HTTP: with TLS (--http.config) replace it by --no-healthcheck or a check of your own.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["python", "-c", \
  "import os, urllib.request as r; p = os.environ['THANOXY_HTTP_ADDRESS'].rpartition(':')[2]; r.build_opener(r.ProxyHandler({})).open(f'http://127.0.0.1:{p}/-/healthy', timeout=2)"]
ENTRYPOINT ["thanoxy"]

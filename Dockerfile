# The manager:  docker build --build-arg VERSION=0.1.0 --tag REPOSITORY:TAG .
# The agent:    docker build --build-arg VERSION=0.1.0 --target in-place-restart-agent --tag REPOSITORY:TAG .
#
# Both stages have the same Python, 3.11: what is compiled in the first runs in the second. Give the bases by
# their digests (IMAGE:TAG@sha256:…) for builds that are to be repeated exactly.
ARG BUILD_BASE=docker.io/library/python:3.11.13-slim-bookworm
ARG RUN_BASE=gcr.io/distroless/python3-debian12:nonroot

FROM ${BUILD_BASE} AS build
WORKDIR /source
COPY requirements/dev.txt requirements/dev.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
# The sources of an image know no tags: their version is told.
ARG VERSION=0.1.0.dev0
ENV SETUPTOOLS_SCM_PRETEND_VERSION=${VERSION}
RUN python -m pip install --no-cache-dir --disable-pip-version-check --no-compile \
    --constraint requirements/dev.txt --target /app .
# No Python file is written at run time, so that what is imported is compiled here.
RUN python -m compileall -q /app

# No shell, no package manager, an unprivileged user; nothing is written outside of what is mounted.
FROM ${RUN_BASE} AS run
COPY --from=build /app /app
USER 65532:65532
WORKDIR /

FROM run AS in-place-restart-agent
COPY --chmod=0555 docker/in-place-restart-agent /in-place-restart-agent
ENTRYPOINT ["/in-place-restart-agent"]

# The last one is what a build without --target makes.
FROM run AS manager
COPY --chmod=0555 docker/manager /manager
ENTRYPOINT ["/manager"]

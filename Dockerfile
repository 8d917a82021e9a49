# One image for every process; docker-compose.yml says which command each container runs.

FROM python:3.12-slim AS build
WORKDIR /app
RUN python -m venv .venv
# The lock comes first, so that a change of the code alone does not install everything again. It
# also holds the tools of development: one list of hashes is easier to trust than two.
COPY requirements.lock ./
RUN .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes -r requirements.lock
# What the pages are made of: a layer that changes only with its own list.
COPY frontend/ frontend/
RUN .venv/bin/python frontend/build.py && rm -rf frontend/node_modules
COPY pyproject.toml README.md alembic.ini ./
COPY alembic/ alembic/
COPY campaigns/ campaigns/
COPY workers/ workers/
COPY simulator/ simulator/
# Editable, because the migrations stand beside the packages and not inside them.
RUN .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
    --no-deps --no-build-isolation -e .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home outdial \
    && install -d -o outdial -g outdial -m 0700 /data
WORKDIR /app
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OUTDIAL_DATA_DIR=/data
USER outdial
EXPOSE 8000
CMD ["outdial", "--help"]

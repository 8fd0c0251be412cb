FROM python:3.13-slim AS build
# mysqlclient has no wheel for Linux; the compiler stays in this stage.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        default-libmysqlclient-dev pkg-config gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /venv
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
# Packages first, so that a change of the code does not install them again.
RUN mkdir asgi_app campaigns chatapp && touch worker.py \
    && /venv/bin/pip install --no-cache-dir -c constraints.txt -e '.[mysql]'

FROM python:3.13-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmariadb3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin campaigns \
    && install -d -o campaigns -g campaigns -m 700 /app/var \
    && install -d -o campaigns -g campaigns -m 755 /srv/passwords
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER campaigns
EXPOSE 8000
CMD ["python", "-m", "asgi_app.web", "--host", "0.0.0.0"]

# Mailhub for production: one image for web, workers, clock and migrations (docker-compose.yml).
# An exact version: a build today and one in a year are the same program.
FROM python:3.11.14-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MAILHUB_HOME=/srv/mailhub

RUN useradd --system --uid 10001 --user-group --create-home --home-dir /srv/mailhub --shell /usr/sbin/nologin mailhub

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r requirements.txt

COPY . .
# Static files are part of the image. Settings need values to be read at all; none of these is kept or used.
RUN SECRET_KEY=build MAILHUB_ENCRYPTION_KEYS=build DATABASE_URL=postgres://build REDIS_URL=redis://build \
    python manage.py collectstatic --noinput --verbosity 0

# Not the owner of what it runs: only the home is writable.
RUN chown mailhub:mailhub /srv/mailhub
USER mailhub
EXPOSE 8000

HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/', timeout=4)"]

# Threads wait for the database and for browsers; a worker that has served many requests is replaced.
CMD ["gunicorn", "mailhub.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "mailhub.web_worker.BufferedWorker", "--workers", "2", \
     "--threads", "8", "--preload", "--max-requests", "5000", "--max-requests-jitter", "500", \
     "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]

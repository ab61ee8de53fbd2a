#!/bin/sh
# Run once by the postgres image, on an empty data volume: the application's role and database.
# The role owns the database but is no superuser and cannot bypass row-level security, which keeps tenants apart.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$APPLICATION_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE mailhub LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE mailhub OWNER mailhub;
SQL

#!/bin/sh
# Run once by the postgres image, on an empty data volume: the application's two roles and its database.
# The owner makes the tables (migrations), the runtime role only reads and writes rows. Neither is a superuser or can
# bypass row-level security, which keeps tenants apart.
set -eu
# By file, so that no list of processes shows it; it may end with a line end.
password=$(cat "$APPLICATION_PASSWORD_FILE")
owner_password=$(cat "$OWNER_PASSWORD_FILE")
export password owner_password
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv password password
\getenv owner_password owner_password
CREATE ROLE mailhub_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
CREATE ROLE mailhub LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE mailhub OWNER mailhub_owner;
SQL

#!/bin/sh
# Run once by the postgres image, on an empty data volume: the application's two roles and its database.
# The owner makes the tables (migrations), the runtime role only reads and writes rows. Neither is a superuser or can
# bypass row-level security, which keeps tenants apart.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$APPLICATION_PASSWORD" --set owner_password="$OWNER_PASSWORD" \
    --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE mailhub_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
CREATE ROLE mailhub LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE mailhub OWNER mailhub_owner;
SQL

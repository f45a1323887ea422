-- The database of tessera and its two accounts, for MariaDB 10.6 and later and for MySQL 8.
-- README.md beside this file shows how to run it. May be run again: what is there already stays.
--
-- Before: replace '%' by where tesserad connects from ('10.0.%', say).
-- No password is in here: both accounts are made locked, and set_password.sh gives each its password
-- and unlocks it.

CREATE DATABASE IF NOT EXISTS tessera CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The servers' own account: rows, nothing else (storage.migrate = false).
CREATE USER IF NOT EXISTS 'tessera'@'%' REQUIRE SSL ACCOUNT LOCK;
GRANT SELECT, INSERT, UPDATE, DELETE ON tessera.* TO 'tessera'@'%';

-- The account of `tesserad --migrate`, which changes the schema before a new version is rolled out.
CREATE USER IF NOT EXISTS 'tessera_schema'@'%' REQUIRE SSL ACCOUNT LOCK;
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES ON tessera.*
  TO 'tessera_schema'@'%';

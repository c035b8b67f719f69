#!/bin/bash
# Makes the table where there is none yet; running it again does no harm.
node -e '
const { Client } = require("pg");
const client = new Client({ connectionString: process.env.POSTGRESQL_DB_CONNECT_STRING });
client.connect()
  .then(() => client.query("CREATE TABLE IF NOT EXISTS entries (id SERIAL PRIMARY KEY, words TEXT NOT NULL)"))
  .then(() => client.end())
  .catch((error) => { console.error(error.message); process.exit(1); });
'

// A book for guests to write in. The table is made by migrate.sh.
const express = require("express");
const { Pool } = require("pg");

const app = express();
const database = new Pool({ connectionString: process.env.POSTGRESQL_DB_CONNECT_STRING });
let written = 0;

app.use(express.text());

app.get("/", async (request, response, next) => {
  try {
    const entries = await database.query("SELECT words FROM entries ORDER BY id");
    response.json(entries.rows.map((row) => row.words));
  } catch (error) {
    next(error);
  }
});

app.post("/", async (request, response, next) => {
  try {
    await database.query("INSERT INTO entries (words) VALUES ($1)", [request.body]);
    written += 1;
    response.status(201).end();
  } catch (error) {
    next(error);
  }
});

app.get(process.env.METRICS_PATH || "/metrics", (request, response) => {
  response.type("text/plain").send(`# TYPE guestbook_written counter\nguestbook_written ${written}\n`);
});

app.listen(process.env.PORT || 8080);

"""docs/reference/observability.md is made of the assets: this checks that it is what they say, and with --write makes it so."""
import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "observability.md"
FRAMEWORKS = [("Flask", "gunicorn", "flask", "flask"), ("Django", "gunicorn", "django", "django"), ("FastAPI", "fastapi", "fastapi", ""),
              ("ExpressJS", "expressjs", "expressjs", ""), ("Go", "go", "go", ""), ("Spring Boot", "spring-boot", "spring-boot", "")]
SOURCES = {
    "gunicorn": "gunicorn sends StatsD to `localhost:9125`; the rock's `statsd-exporter` turns it into metrics on port 9102, `/metrics`. `metrics-port` and "
                "`metrics-path` of `paas-config.yaml` change the scrape job and the environment, not the exporter: another value needs another rock. JSON logging keeps these metrics. "
                "The exporter has the quantiles 0.5, 0.9 and 0.99, no 0.95.",
    "fastapi": "The app serves its own metrics on `METRICS_PORT` (8000) and `METRICS_PATH` (`/metrics`); the names are those of the usual instrumentation for Prometheus.",
    "expressjs": "The app serves its own metrics on `METRICS_PORT` (9464) and `METRICS_PATH` (`/metrics`). Node's own come from prom-client or from OpenTelemetry's runtime metrics: panels and alerts know both.",
    "go": "The app serves its own metrics on `METRICS_PORT` (8080) and `METRICS_PATH` (`/metrics`). The runtime's are those of Prometheus' client library; requests show where the app counts them under the names below.",
    "spring-boot": "Micrometer, by the actuator: the charm sets exposure, port, base path and mapping. Histograms need `management.metrics.distribution.percentiles-histogram.http.server.requests=true` in the app.",
}
INTRO = """# Observability

What the charm tells Prometheus, Grafana and Loki, and each metric, panel and alert that comes with it. [Custom dashboards and
rules](../how-to/custom-dashboards.md) go beside them. Why dashboards are packed as they are: [dashboards](../explanation/dashboards.md).
This page is made from `assets/` by `tests/test_observability_page.py --write`.

| endpoint | interface | published | by |
|---|---|---|---|
| `metrics-endpoint` | `prometheus_scrape` | address, name and FQDN of the unit | every unit |
| | | scrape jobs, topology, alert rules | the leader |
| `grafana-dashboard` | `grafana_dashboard` | the framework's dashboard and the user's own | the leader |
| `logging` | `loki_push_api` | alert rules for Loki, once Loki has said where it listens | the leader |
| | | nothing; Pebble of each container forwards the services' output (Juju 3.4 and later) | every unit |
| `charm-tracing` | `tracing` | which protocol is wanted (`otlp_http`) | the leader |

All of it is written in any event in which it differs, whatever the status of the unit, and never otherwise. Below Juju 3.4 logs are not
forwarded, and a warning says so; gunicorn then writes files below `/var/log`.

## Scrape jobs

The first job is the framework's own, `*:PORT` with its path; then the jobs of `prometheus.scrape_configs` in `paas-config.yaml` follow in order.
`*` is every unit; `@scheduler:PORT` is unit 0; other targets are taken as they are.

## Topology

Series and log streams carry `juju_model`, `juju_model_uuid`, `juju_application`, `juju_unit` and `juju_charm` (`charm` for logs). Every rule has the first three and
`juju_charm` as labels, and every selector of its expression has matchers for the first three, so a rule looks at its own deployment alone. The
expression is parsed for that, as Prometheus or Loki parse it; a rule that is not valid is named in the log and left out. A rule of the
user's with such a label of its own keeps it, in the selectors too. `%%juju_topology%%` may be written, and is not needed.

Names of rule groups are `MODEL_UUID8_APPLICATION_GROUP_rules`. Ids and uids of dashboards stay the same as long as the charm's name does, so links survive an upgrade.

## Traces of the charm

With `charm-tracing` related, or the collector that Juju 4 names in `JUJU_CHARM_TRACE_CONFIG_HTTP`, each dispatch is sent as one trace: OTLP, JSON over HTTP, one POST within a
second. Spans are the hook, observe, decide, apply, hook tools and Pebble requests; their names hold no values. `https` is checked with the
certificate in `JUJU_CHARM_TRACE_CONFIG_CA_CERT`, else with those the machine trusts. A collector that is away costs a warning and at most that second, never the hook.
A charm without the endpoint and the variable does nothing for it.
"""


def cell(text):
    return " ".join(str(text).split()).replace("|", "\\|")


def code(text):
    return f"`` {cell(text)} ``" if "`" in str(text) else f"`{cell(text)}`"


def alerts(path):
    return [r for g in yaml.safe_load(path.read_text())["groups"] for r in g["rules"]]


def metrics(panels, rules):
    """Names of metrics, and where each is used."""
    known = set("sum by rate increase max le or vector time absent changes without count_over_time histogram_quantile max_over_time on and offset up avg".split())
    used = {}
    for kind, name, expr in panels + rules:
        bare = re.sub(r'"(?:\\.|[^"\\])*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without) \([^)]*\)', " ", expr)
        for metric in re.findall(r"(?<![\w.$])[a-z][a-z0-9_:]+\b(?!\s*\()", bare):
            if metric not in known and not re.fullmatch(r"\d\w*", metric):
                used.setdefault(metric, []).append(f"{name}" if kind == "panel" else f"`{name}`")
    return used


def page():
    out = [INTRO]
    generic = alerts(ROOT / "assets/alerts/prometheus/generic.yaml")
    for title, asset, alert, prefix in FRAMEWORKS:
        rows = json.loads((ROOT / f"assets/dashboards/{asset}.json").read_text())["rows"]
        prometheus, loki = alerts(ROOT / f"assets/alerts/prometheus/{alert}.yaml"), alerts(ROOT / f"assets/alerts/loki/{alert}.yaml")
        panels = [("panel", p["title"], q[0].replace("%P", prefix)) for r in rows for p in r["panels"] for q in p["queries"] if p.get("source") != "loki"]
        used = metrics(panels, [("alert", r["alert"], r["expr"]) for r in prometheus])
        out.append(f"\n## {title}\n\n{SOURCES[asset]}\n\n### Metrics of {title}\n\n| metric | used by |\n|---|---|\n")
        out += [f"| `{m}` | {', '.join(dict.fromkeys(where))} |\n" for m, where in sorted(used.items())]
        out.append(f"\n### Panels of “{title} Operator”\n\n| row | panel | shows | unit | queries |\n|---|---|---|---|---|\n")
        for row in rows:
            for p in row["panels"]:
                queries = "<br>".join(code(q[0].replace("%P", prefix).replace("%T", "T").replace("%L", "T")) for q in p["queries"])
                out.append(f"| {row['title']} | {p['title']} | {cell(p['about'])} | {p.get('unit', 'lines')} | {queries} |\n")
        out.append("\nT: the matchers of model, application and unit that are chosen at the top of the dashboard.\n")
        for kind, rules in (("Prometheus", prometheus), ("Loki", loki)):
            out.append(f"\n### Alerts of {title} in {kind}\n\n| alert | severity | when | for | what to do |\n|---|---|---|---|---|\n")
            out += [f"| `{r['alert']}` | {r['labels']['severity']} | {code(r['expr'])} | {r.get('for', '0s')} | {cell(r['annotations']['runbook'])} |\n" for r in rules]
    out.append("\n## Alerts of every application\n\n| alert | severity | when | for | what to do |\n|---|---|---|---|---|\n")
    out += [f"| `{r['alert']}` | {r['labels']['severity']} | {code(r['expr'])} | {r['for']} | {cell(r['annotations']['runbook'])} |\n" for r in generic]
    return "".join(out)


def main():
    want = page()
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(want)
        return 0
    have = PAGE.read_text() if PAGE.exists() else ""
    same = have == want
    if not same:
        print("docs/reference/observability.md is not what the assets say: run tests/test_observability_page.py --write")
    print(f"{int(same)} passed, {int(not same)} failed")
    return not same


if __name__ == "__main__":
    sys.exit(main())

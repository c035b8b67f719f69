"""Databags read as Prometheus', Grafana's and Loki's charms read them: what arrives must be right for them.

Every framework in both generations is run on the simulator. The scrape jobs are expanded per unit, the alert rules loaded by Prometheus' own
promtool and fed with series, the dashboards unpacked and each of their queries parsed."""
import base64
import hashlib
import json
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
DISPATCH = os.environ.get("DISPATCH", str(pathlib.Path(os.environ.get("BUILD", ROOT / "build")) / "dispatch"))
PROMTOOL = shutil.which("promtool")
MODEL, UUID = "shop", "3f9c1b52-70de-4c7a-8a11-2b6f5d0e9c44"
TOPOLOGY = {"juju_model": MODEL, "juju_model_uuid": UUID, "juju_application": "cart"}
IDENTIFIER = "shop_3f9c1b52_cart"
# framework: the service's command, the title of its dashboard, its file, bases of the two generations, default port of the metrics
FRAMEWORKS = {
    "flask": ("/bin/python3 -m gunicorn -c /flask/gunicorn.conf.py app:app -k [ sync ]", "Flask Operator", "flask", "9102"),
    "django": ("/bin/python3 -m gunicorn -c /django/gunicorn.conf.py shop.wsgi:application -k [ sync ]", "Django Operator", "django", "9102"),
    "fastapi": ("/bin/python3 -m uvicorn app:app", "FastAPI Operator", "fastapi", "8000"),
    "go": ("/usr/local/bin/shop", "Go Operator", "go", "8080"),
    "expressjs": ("npm start", "ExpressJS Operator", "expressjs", "9464"),
    "spring-boot": ("java -jar /app/shop.jar", "Spring Boot Operator", "spring_boot", "8080"),
}
PAAS = {"prometheus": {"scrape_configs": [{"job_name": "queue", "metrics_path": "/q", "static_configs": [
    {"targets": ["*:7001", "@scheduler:7002", "db.example:9187"], "labels": {"tier": "back"}}]}]}}
# Series of one unit of ours that make an alert fire; the same of another application must not.
FIRING = {
    "flask": [('flask_response_code{status="500"}', "0+30x120", "FlaskErrorsHigh"), ('flask_response_code{status="500"}', "0+30x120", "FlaskErrorsCritical"),
              ('flask_request_duration{quantile="0.99"}', "3x120", "FlaskSlowResponses"), ("gunicorn_log_exception", "0+10x120", None),
              ("gunicorn_log_critical", "0+1x120", "FlaskExceptions"), ("process_start_time_seconds", "0+1x120", "FlaskRestarting"),
              ("flask_request_duration_sum", "0+120x120", None), ("gunicorn_workers", "4x100 1x20", "FlaskWorkersBusy"), ("gunicorn_workers", "4x100 1x20", "FlaskWorkersGone"),
              ("up", "0x120", "FlaskTargetMissing"), ("up", "0x120", "HostDown")],
    "django": [('django_response_code{status="503"}', "0+30x120", "DjangoErrorsHigh"), ("up", "0x120", "DjangoTargetMissing")],
    "fastapi": [('http_requests_total{status="500"}', "0+30x120", "FastAPIErrorsHigh"), ("process_cpu_seconds_total", "0+60x120", "FastAPICPUBusy"),
                ('http_request_duration_seconds_bucket{le="1"}', "0+0x120", None), ('http_request_duration_seconds_bucket{le="5"}', "0+10x120", None),
                ('http_request_duration_seconds_bucket{le="+Inf"}', "0+10x120", "FastAPISlowResponses"),
                ("process_open_fds", "900x120", None), ("process_max_fds", "1000x120", "FastAPIDescriptorsShort")],
    "go": [('http_requests_total{code="500"}', "0+30x120", "GoErrorsCritical"), ("go_goroutines", "100x70 5000x50", "GoRoutinesGrow"),
           ('go_gc_duration_seconds{quantile="1"}', "0.5x120", "GoCollectionSlow"), ("process_start_time_seconds", "0+1x120", "GoRestarting")],
    "expressjs": [('http_request_duration_seconds_count{status_code="500"}', "0+30x120", "ExpressJSErrorsHigh"), ("nodejs_eventloop_lag_p99_seconds", "1x120", "ExpressJSEventLoopSlow"),
                  ("nodejs_heap_size_used_bytes", "99x120", None), ("nodejs_heap_size_total_bytes", "100x120", "ExpressJSHeapFull")],
    "spring-boot": [('http_server_requests_seconds_count{status="500"}', "0+30x120", "SpringBootErrorsHigh"),
                    ('jvm_memory_used_bytes{area="heap"}', "95x120", None), ('jvm_memory_max_bytes{area="heap"}', "100x120", "SpringBootHeapFull"),
                    ("jvm_gc_pause_seconds_sum", "0+30x120", "SpringBootCollectionSlow"), ("hikaricp_connections_pending", "2x120", "SpringBootThreadsShort")],
}


def run(folder, framework, generation, leader=True, unit=0):
    container = f"{framework}-app" if generation == 1 and framework in ("flask", "django") else "app"
    base = "ubuntu@26.04" if generation == 2 else "ubuntu@22.04" if framework in ("flask", "django") else "ubuntu@24.04"
    pathlib.Path(folder, "charmcraft.yaml").write_text(yaml.safe_dump({
        "name": "cart-k8s", "type": "charm", "summary": "s", "description": "d", "base": base, "platforms": {"amd64": None},
        "extensions": [f"{framework}-framework"]}))
    pathlib.Path(folder, "paas-config.yaml").write_text(yaml.safe_dump(PAAS))
    pathlib.Path(folder, "state.yaml").write_text(yaml.safe_dump({
        "app": "cart", "unit": unit, "leader": leader, "model": {"name": MODEL, "uuid": UUID}, "planned_units": 2,
        "relations": [
            {"endpoint": "secret-storage", "id": 1, "local_app_data": {f"{framework.replace('-', '_')}_secret_key": "k"}},
            {"endpoint": "metrics-endpoint", "id": 2, "remote_app_name": "prometheus", "remote_units_data": {0: {}}},
            {"endpoint": "grafana-dashboard", "id": 3, "remote_app_name": "grafana", "remote_units_data": {0: {}}},
            {"endpoint": "logging", "id": 4, "remote_app_name": "loki", "remote_units_data": {0: {"endpoint": '{"url": "http://loki:3100/loki/api/v1/push"}'}}},
        ],
        "containers": [{"name": container, "can_connect": True, "layers": {"rock": {"services": {
            framework: {"override": "replace", "startup": "enabled", "command": FRAMEWORKS[framework][0], "user": "_daemon_"}}}}}]}))
    out = subprocess.run([DISPATCH, "run", "config-changed", "--output", "out.json"], cwd=folder, text=True, capture_output=True)
    log = out.stdout[out.stdout.find("\nLog\n"):]
    check(out.returncode == 0 and "ERROR" not in log and "WARNING" not in log, f"{framework} {generation}: {out.stdout[-400:]}{out.stderr}")
    state = json.loads(pathlib.Path(folder, "out.json").read_text())
    return {r["endpoint"]: r for r in state["relations"]}


# --- Prometheus ---

def expand_jobs(app, units):
    """As Prometheus' charm does: a job for each unit where a target begins with *, the known hosts' own jobs, the rest in one job."""
    metadata, jobs = json.loads(app["scrape_metadata"]), []
    topology = {"juju_model": metadata["model"], "juju_model_uuid": metadata["model_uuid"], "juju_application": metadata["application"], "juju_charm": metadata["charm_name"]}
    prefix = f"juju_{metadata['model']}_{metadata['model_uuid'][:8]}_{metadata['application']}_prometheus_scrape".replace("/", "_")
    hosts = {u["prometheus_scrape_unit_name"]: (u["prometheus_scrape_unit_address"], u["prometheus_scrape_unit_fqdn"]) for u in units}
    for job in json.loads(app["scrape_jobs"]):
        name = prefix + (f"_{job['job_name']}" if job.get("job_name") else "")
        for static in job["static_configs"]:
            for target in static["targets"]:
                host, port = target.rsplit(":", 1)
                found = [u for u, names in hosts.items() if host == "*" or host in names]
                for unit in found:
                    jobs.append({"job_name": f"{name}-{unit.rsplit('/')[-1]}-{len(jobs)}", "metrics_path": job["metrics_path"], "static_configs": [
                        {"targets": [f"{hosts[unit][0]}:{port}"], "labels": {**topology, "juju_unit": unit, **static.get("labels", {})}}]})
                if not found:
                    jobs.append({"job_name": f"{name}-{len(jobs)}", "metrics_path": job["metrics_path"], "static_configs": [
                        {"targets": [target], "labels": {**topology, **static.get("labels", {})}}]})
    return jobs


def promtool(*arguments):
    out = subprocess.run([PROMTOOL, *arguments], text=True, capture_output=True)
    return out.returncode == 0, out.stdout + out.stderr


def labels_of(series, extra):
    name, _, rest = series.partition("{")
    labels = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    return name + "{" + ",".join(f'{k}="{v}"' for k, v in {**labels, **extra}.items()) + "}"


def check_firing(folder, framework, rules):
    """The alerts fire on series of ours, and stay quiet on the same series of another application."""
    path = pathlib.Path(folder, "rules.yaml")
    cases = []
    by_name = {r["alert"]: r for g in rules["groups"] for r in g["rules"] if "alert" in r}
    series = {labels_of(s, {**TOPOLOGY, "juju_unit": "cart/0", "instance": "i"}): values for s, values, _ in FIRING[framework]}
    others = {labels_of(s, {**TOPOLOGY, "juju_application": "other", "juju_unit": "other/0", "instance": "i"}): values for s, values, _ in FIRING[framework]}
    for given, fires in ((series, True), (others, False)):
        tests = []
        for alert in sorted({a for _, _, a in FIRING[framework] if a}):
            tests.append({"eval_time": "118m", "alertname": alert})
        cases.append((fires, {"interval": "1m", "input_series": [{"series": s, "values": v} for s, v in given.items()], "alert_rule_test": tests}))
    for fires, case in cases:
        for test in case["alert_rule_test"]:
            one = {"rule_files": [path.name], "evaluation_interval": "1m", "tests": [{**case, "alert_rule_test": [{**test, "exp_alerts": []}]}]}
            pathlib.Path(folder, "test.yaml").write_text(yaml.safe_dump(one))
            quiet, text = promtool("test", "rules", str(pathlib.Path(folder, "test.yaml")))
            check(quiet != fires, f"{framework}: {test['alertname']} {'does not fire' if fires else 'fires for another application'}: {text[-600:]}")
            if fires and not quiet:
                check("got:" in text and test["alertname"] in by_name, f"{framework}: {text[-300:]}")


def check_prometheus(folder, framework, generation, leader, follower):
    app, units = leader["local_app_data"], [leader["local_unit_data"], follower["local_unit_data"]]
    check(not follower.get("local_app_data"), f"{framework}: a follower writes its own part only")
    jobs = expand_jobs(app, units)
    targets = [(t, s["labels"].get("juju_unit"), s["labels"].get("tier")) for j in jobs for s in j["static_configs"] for t in s["targets"]]
    # the extension of generation 1 sets the option in two of them
    port = FRAMEWORKS[framework][3] if framework not in ("fastapi", "expressjs") or generation == 2 else "8080"
    address = units[0]["prometheus_scrape_unit_address"]
    check((f"{address}:{port}", "cart/0", None) in targets and (f"{units[1]['prometheus_scrape_unit_address']}:{port}", "cart/1", None) in targets,
          f"{framework} {generation}: {targets}")
    check((f"{address}:7002", "cart/0", "back") in targets, f"{framework}: the scheduler is unit 0, and known as such: {targets}")
    check(("db.example:9187", None, "back") in targets, f"{framework}: {targets}")
    rules = json.loads(app["alert_rules"])
    for group in rules["groups"]:
        check(re.fullmatch(r"[a-zA-Z0-9_:]+_rules", group["name"]) and group["name"].startswith(IDENTIFIER), group["name"])
        for rule in group["rules"]:
            check(TOPOLOGY.items() <= rule["labels"].items() and rule["labels"]["juju_charm"] == "cart-k8s" and rule["labels"]["severity"] in ("warning", "critical"),
                  f"{rule['alert']}: {rule['labels']}")
            check(set(rule["annotations"]) == {"summary", "description", "runbook"} and all(rule["annotations"].values()), f"{rule['alert']}: annotations")
    if not PROMTOOL:
        return
    pathlib.Path(folder, "rules.yaml").write_text(yaml.safe_dump(rules))
    ok, text = promtool("check", "rules", "--lint-fatal", str(pathlib.Path(folder, "rules.yaml")))
    check(ok, f"{framework}: {text}")
    pathlib.Path(folder, "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": jobs, "rule_files": ["rules.yaml"]}))
    ok, text = promtool("check", "config", str(pathlib.Path(folder, "prometheus.yml")))
    check(ok, f"{framework}: {text}")
    if generation == 2:
        check_firing(folder, framework, rules)


# --- Grafana ---

def check_grafana(folder, framework, relation):
    _, title, file, _ = FRAMEWORKS[framework]
    data = json.loads(relation["local_app_data"]["dashboards"])
    check(set(data) == {"templates", "uuid"} and list(data["templates"]) == [f"file:{file}"], f"{framework}: {list(data['templates'])}")
    template = data["templates"][f"file:{file}"]
    check(template["charm"] == "cart-k8s" and template["inject_dropdowns"] is True, f"{framework}: {template}")
    check(template["juju_topology"] == {"model": MODEL, "model_uuid": UUID, "application": "cart", "unit": "cart/0"}, f"{framework}: {template['juju_topology']}")
    check(template["dashboard_alt_uid"] == hashlib.shake_256(f"cart-k8s-file:{file}".encode()).hexdigest(8), f"{framework}: the short uid")
    dashboard = json.loads(lzma.decompress(base64.b64decode(template["content"], validate=True)).decode())
    check(dashboard["uid"] == hashlib.shake_256(f"cart-k8s-cos_merged/grafana_dashboards/{file}.json".encode()).hexdigest(20), f"{framework}: the uid")
    check(dashboard["title"] == title and "charm: cart-k8s" in dashboard["tags"] and isinstance(dashboard["version"], int), f"{framework}: {dashboard['title']}")
    check({v["name"] for v in dashboard["templating"]["list"]} == {"juju_model", "juju_model_uuid", "juju_application", "juju_unit"}, f"{framework}: variables")
    queries = [(p["title"], p["datasource"], t) for p in dashboard["panels"] for t in p.get("targets", [])]
    check({d["type"] for _, d, _ in queries} == {"prometheus", "loki"}, f"{framework}: both data sources")
    rules = []
    for name, source, target in queries:
        check(source == target["datasource"] and source["uid"] == {"prometheus": "${prometheusds}", "loki": "${lokids}"}[source["type"]], f"{framework}: {name}: {source}")
        check(all(f'{v}=~"${v}"' in target["expr"] for v in TOPOLOGY) or "up{" in target["expr"], f"{framework}: {name}: {target['expr']}")
        if source["type"] == "prometheus":
            rules.append({"record": "a:b", "labels": {"n": str(len(rules))}, "expr": target["expr"].replace("$__rate_interval", "5m").replace("$__interval", "1m")})
    if PROMTOOL:
        pathlib.Path(folder, "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
        ok, text = promtool("check", "rules", str(pathlib.Path(folder, "queries.yaml")))
        check(ok, f"{framework}: {text}")


# --- Loki ---

def check_loki(framework, relation):
    app = relation["local_app_data"]
    metadata, rules = json.loads(app["metadata"]), json.loads(app["alert_rules"])
    check(metadata == {"model": MODEL, "model_uuid": UUID, "application": "cart", "unit": "cart/0", "charm_name": "cart-k8s"}, f"{framework}: {metadata}")
    check(app["alert_rules"] == json.dumps(rules, sort_keys=True), f"{framework}: keys in order")
    check(rules["groups"], f"{framework}: rules for Loki")
    for group in rules["groups"]:
        for rule in group["rules"]:
            matchers = ",".join(f'{k}="{v}"' for k, v in TOPOLOGY.items())
            check(f'{{{matchers},job=~".+"}}' in rule["expr"], f"{rule['alert']}: {rule['expr']}")
            check(TOPOLOGY.items() <= rule["labels"].items() and rule["annotations"]["runbook"], rule["alert"])


def main():
    if not PROMTOOL:
        print("skipped: there is no promtool (Debian's package prometheus): rules and queries are not parsed")
    for framework in FRAMEWORKS:
        for generation in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                leader = run(folder, framework, generation)
                follower = run(folder, framework, generation, leader=False, unit=1)
                check_prometheus(folder, framework, generation, leader["metrics-endpoint"], follower["metrics-endpoint"])
                check_grafana(folder, framework, leader["grafana-dashboard"])
                check_loki(framework, leader["logging"])
                check(not follower["grafana-dashboard"].get("local_app_data") and not follower["logging"].get("local_app_data"), f"{framework}: a follower writes nothing")
    return end()


if __name__ == "__main__":
    sys.exit(main())
